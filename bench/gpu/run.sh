#!/usr/bin/env bash
# Runs everything that needs a real GPU, from the folder that pack.sh made, and leaves one folder of plain files. A step
# that fails does not keep the others from running; the exit status says whether any did.
# Usage: ./run.sh [RESULTS [STEP...]]    (default: ./results, and all steps in this order)
#   doctor       what the machine has
#   tests        all tests of CUDA devices on the GPU, in several processes
#   sanitizer    the tests of single kernels under compute-sanitizer
#   train        the seed network, ten epochs, with kernels to compile and with kernels compiled; needs CUDABN_DATA
#   profile      Nsight Compute over training steps of the seed network and of ResNet-20, and the kernels' machine code
#   bench        the benchmark suite; CUDABN_BENCH holds other options for it
#   pytorch      the seed network and its operators in PyTorch; CUDABN_PYTORCH holds options for pytorch_seed.py
# Environment:
#   CUDABN_DATA           Fashion-MNIST, as four .gz or idx files
#   CUDABN_NO_GPU=1       a rehearsal on a machine without a GPU: its absence is no failure
#   CUDABN_TEST_FILTER    only these tests, as the option --filter of the test runner takes them
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$here/bin
results=$(realpath -m "${1:-$here/results}")
shift || true
steps=" ${*:-doctor tests sanitizer train profile bench pytorch} "
mkdir -p "$results"
# Nothing is sent anywhere, and kernels compiled before do not count.
export DOTNET_CLI_TELEMETRY_OPTOUT=1 TESTINGPLATFORM_TELEMETRY_OPTOUT=1
export CUDABN_CACHE=$results/kernels
has_gpu=1
[ "${CUDABN_NO_GPU:-0}" = 1 ] && has_gpu=0
[ $has_gpu = 0 ] || export CUDABN_REQUIRE_CUDA=1
failures=0
: > "$results/summary.txt"

wants() { [[ $steps == *" $1 "* ]]; }

# step NAME SECONDS COMMAND...: output to NAME.txt, and a line to the summary.
step() {
    local name=$1 limit=$2 code=0 start=$SECONDS
    shift 2
    echo "== $name: $*"
    timeout --kill-after=20 "$limit" "$@" > "$results/$name.txt" 2>&1 || code=$?
    tail -n 3 "$results/$name.txt"
    note "$name" $code $((SECONDS - start))
}

note() {
    [ "$2" = 0 ] || failures=$((failures + 1))
    printf '%-24s exit %3d  %5d s\n' "$1" "$2" "$3" >> "$results/summary.txt"
}

left_out() {
    echo "== $1: left out, $2"
    printf '%-24s left out: %s\n' "$1" "$2" >> "$results/summary.txt"
}

# Every test that runs kernels, in parts that take about as long: most of the time goes into the reference, on the processor.
# The test adapter takes no notice of a filter that lets more than 2,000 tests through. ONNX Runtime is not in the package.
on_device='(FullyQualifiedName~Gpu|FullyQualifiedName~cuda:|FullyQualifiedName~Backends.Cuda.)'
is() { printf 'FullyQualifiedName~%s' "$1"; }
not() { printf '&FullyQualifiedName!~%s' "$@"; }
parts=(
    "$(is .Optimizers.)"
    "$(is .Layers.BatchNormConfigurationTests)"
    "$(is .Layers.BatchNormAddReLUTests)"
    "$(is .Layers.BatchNorm)$(not BatchNormConfigurationTests BatchNormAddReLUTests)"
    "$(is .Layers.Conv)"
    "$(is .Layers.FusedLayersTests)"
    "$(is .Layers.Fused)$(not FusedLayersTests)"
    "$(is .Layers.)$(not .Layers.BatchNorm .Layers.Conv .Layers.Fused)"
    "$(is .Backends.Cuda.BatchNorm)"
    "$(is .Backends.Cuda.)$(not .Backends.Cuda.BatchNorm)"
    "$(is .Backends.LargeBatchTests)"
    "$(is .Backends.)$(not .Backends.Cuda. .Backends.LargeBatchTests)"
    "$(is .Gradients.)"
    "$(is .Training.)"
    "$(is CudaBn.Tests.)$(not .Optimizers. .Layers. .Backends. .Gradients. .Training. .Cli. ReadmeTests BenchProcessTests PyTorchOnnxTests)"
)

# The parts at once; prints what failed, and ends on the counts of all.
tests_in_parts() {
    local code=0 i pids=()
    for i in "${!parts[@]}"; do
        timeout --kill-after=20 1500 "$bin/CudaBn.Tests" --progress off --results-directory "$results/tests" \
            --filter "$on_device&${parts[$i]}" > "$results/tests-$i.txt" 2>&1 &
        pids+=($!)
    done
    for i in "${!pids[@]}"; do
        wait "${pids[$i]}" || { code=$?; echo "part $i, ${parts[$i]}: exit $code"; }
    done
    grep -h -A 8 '^failed ' "$results"/tests-*.txt
    cat "$results"/tests-*.txt | awk '$1 == "total:" { total += $2 } $1 == "failed:" { failed += $2 }
        $1 == "succeeded:" { passed += $2 } $1 == "skipped:" { skipped += $2 }
        END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }'
    return $code
}

{
    date -u +%Y-%m-%dT%H:%M:%SZ
    cat "$here/commit.txt"
    uname -srm
    grep PRETTY_NAME /etc/os-release
    grep -m1 'model name' /proc/cpuinfo
    nproc
} > "$results/machine.txt" 2>&1
if command -v nvidia-smi > /dev/null; then
    nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.sm,power.limit --format=csv \
        >> "$results/machine.txt" 2>&1
fi
if command -v nvcc > /dev/null; then nvcc --version >> "$results/machine.txt" 2>&1; fi

if wants doctor; then
    step doctor 60 "$bin/CudaBn.Cli" doctor
fi

if wants tests; then
    if [ -n "${CUDABN_TEST_FILTER:-}" ]; then
        step tests 1500 "$bin/CudaBn.Tests" --progress off --results-directory "$results/tests" \
            --filter "$CUDABN_TEST_FILTER"
    else
        echo "== tests"
        start=$SECONDS code=0
        tests_in_parts > "$results/tests.txt" 2>&1 || code=$?
        tail -n 40 "$results/tests.txt"
        note tests $code $((SECONDS - start))
    fi
fi

# Under the sanitizer a kernel takes a hundred times as long: the tests of single kernels, whose shapes are small. An error of
# a call is no error here: the number of a kernel's arguments is found by asking for one too many, and tests provoke others.
if wants sanitizer; then
    if command -v compute-sanitizer > /dev/null; then
        for tool in memcheck racecheck initcheck synccheck; do
            step "sanitizer-$tool" 900 compute-sanitizer --tool "$tool" --report-api-errors no --target-processes all --error-exitcode 9 \
                "$bin/CudaBn.Tests" --progress off --results-directory "$results/tests-$tool" \
                --filter 'FullyQualifiedName~KernelTests'
        done
    else
        left_out sanitizer "compute-sanitizer is not installed"
    fi
fi

device=cuda
[ $has_gpu = 1 ] || device=auto
if wants train; then
    if [ -n "${CUDABN_DATA:-}" ]; then
        # The first run compiles all kernels, the second finds them compiled.
        for name in train-cold train-warm; do
            step $name 900 "$bin/CudaBn.Cli" train --device "$device" --data "$CUDABN_DATA" --out "$results/$name"
        done
    else
        left_out train "CUDABN_DATA names no Fashion-MNIST"
    fi
fi

if wants profile; then
    if [ $has_gpu = 1 ] && command -v ncu > /dev/null; then
        # Before a step is recorded, its kernels are launched one by one. The first are those that draw weights.
        for model in notebook resnet20; do
            step profile-$model 300 env CUDABN_OFFLINE=1 ncu --clock-control none --launch-count 250 --csv --page raw \
                --metrics gpu__time_duration.sum --section LaunchStats \
                "$bin/CudaBn.Cli" train --device cuda --model $model --limit 768 --epochs 1 \
                --out "$results/profile-$model"
        done
    else
        left_out profile "no GPU or no ncu"
    fi
    if command -v cuobjdump > /dev/null; then
        mkdir -p "$results/sass"
        # Behind the head that the cache puts before every image.
        for image in "$results"/kernels/*; do
            tail -c +57 "$image" > "$results/sass/image.cubin"
            cuobjdump --dump-resource-usage --dump-sass "$results/sass/image.cubin" \
                > "$results/sass/$(basename "$image" .cubin).txt" 2>&1
        done
        rm -f "$results/sass/image.cubin"
    fi
fi

if wants bench; then
    if [ $has_gpu = 0 ]; then
        step bench 900 "$bin/CudaBn.Bench" --quick --device cpu --out "$results/bench" \
            --filter '*.Forward*' '*.Backward*' '*.Step*'
    else
        step bench 1200 "$bin/CudaBn.Bench" --device cuda --out "$results/bench" ${CUDABN_BENCH:-}
    fi
fi

if wants pytorch; then
    if python3 -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2> /dev/null; then
        step pytorch 900 python3 "$here/pytorch_seed.py" --out "$results/pytorch" ${CUDABN_PYTORCH:-}
    else
        left_out pytorch "no PyTorch that sees a GPU"
    fi
fi

cat "$results/machine.txt" "$results/summary.txt"
exit $((failures > 0))
