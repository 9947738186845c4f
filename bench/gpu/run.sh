#!/usr/bin/env bash
# Runs everything that needs a real GPU, from the folder that pack.sh made, and leaves one folder of plain files. A step
# that fails does not keep the others from running; the exit status says whether any did.
# Usage: ./run.sh [RESULTS]    (default: ./results)
#   CUDABN_DATA           Fashion-MNIST, as four .gz or idx files; without it the training steps are left out
#   CUDABN_NO_GPU=1       a rehearsal on a machine without a GPU: its absence is no failure
#   CUDABN_TEST_FILTER    only these tests, as the option --filter of the test runner takes them
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$here/bin
results=$(realpath -m "${1:-$here/results}")
mkdir -p "$results"
# Nothing is sent anywhere, and kernels compiled before do not count.
export DOTNET_CLI_TELEMETRY_OPTOUT=1 TESTINGPLATFORM_TELEMETRY_OPTOUT=1
export CUDABN_CACHE=$results/kernels
[ "${CUDABN_NO_GPU:-0}" = 1 ] || export CUDABN_REQUIRE_CUDA=1
failures=0
: > "$results/summary.txt"

# step NAME SECONDS COMMAND...: output to NAME.txt, and a line to the summary.
step() {
    local name=$1 limit=$2 code=0 start=$SECONDS
    shift 2
    echo "== $name: $*"
    timeout --kill-after=20 "$limit" "$@" > "$results/$name.txt" 2>&1 || code=$?
    tail -n 3 "$results/$name.txt"
    [ "$code" = 0 ] || failures=$((failures + 1))
    printf '%-24s exit %3d  %5d s\n' "$name" "$code" $((SECONDS - start)) >> "$results/summary.txt"
}

left_out() {
    echo "== $1: left out, $2"
    printf '%-24s left out: %s\n' "$1" "$2" >> "$results/summary.txt"
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

step doctor 60 "$bin/CudaBn.Cli" doctor
# Tests that start the command through the SDK's dotnet, or read the sources, have neither here.
step tests 1500 "$bin/CudaBn.Tests" --no-progress --results-directory "$results/tests" --filter \
    "${CUDABN_TEST_FILTER:-FullyQualifiedName!~.Cli.&FullyQualifiedName!~ReadmeTests&FullyQualifiedName!~BenchProcessTests}"

# Under the sanitizer a kernel takes a hundred times as long: the tests of single kernels, whose shapes are small.
kernels='FullyQualifiedName~KernelTests'
if command -v compute-sanitizer > /dev/null; then
    for tool in memcheck racecheck initcheck synccheck; do
        step "sanitizer-$tool" 900 compute-sanitizer --tool "$tool" --target-processes all --error-exitcode 9 \
            "$bin/CudaBn.Tests" --no-progress --results-directory "$results/tests-$tool" --filter "$kernels"
    done
else
    left_out sanitizer "compute-sanitizer is not installed"
fi

if [ -n "${CUDABN_DATA:-}" ]; then
    device=cuda
    [ "${CUDABN_NO_GPU:-0}" = 1 ] && device=auto
    # The first run compiles all kernels, the second finds them compiled.
    step train-cold 900 "$bin/CudaBn.Cli" train --device "$device" --data "$CUDABN_DATA" --out "$results/train-cold"
    step train-warm 900 "$bin/CudaBn.Cli" train --device "$device" --data "$CUDABN_DATA" --out "$results/train-warm"
else
    left_out train "CUDABN_DATA names no Fashion-MNIST"
fi

if [ "${CUDABN_NO_GPU:-0}" = 1 ]; then
    step bench 900 "$bin/CudaBn.Bench" --quick --device cpu --out "$results/bench" --filter '*.Forward*' '*.Backward*' '*.Step*'
else
    step bench 1200 "$bin/CudaBn.Bench" --device cuda --out "$results/bench"
fi

if python3 -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2> /dev/null; then
    step pytorch 900 python3 "$here/pytorch_seed.py" --out "$results/pytorch"
else
    left_out pytorch "no PyTorch that sees a GPU"
fi

rm -rf "$results/kernels"
cat "$results/machine.txt" "$results/summary.txt"
exit $((failures > 0))
