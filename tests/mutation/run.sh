#!/usr/bin/env bash
# Applies every fault of this folder to the kernels, one at a time, in a copy of the working tree, and demands that the
# tests named in it fail on the software CUDA device. A fault that nobody notices, or that does not apply any more,
# fails the run. A fault is a patch whose head says "fault: what it breaks" and "tests: the fixtures that must turn red".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
export CUDABN_REQUIRE_SOFTCUDA=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git -C "$root" ls-files -z --cached --others --exclude-standard | (cd "$root" && xargs -0 ls -d 2>/dev/null | tar -cf - -T -) |
    tar -xf - -C "$work"
cd "$work"
git init -q .

build() {
    dotnet build "$@" -c Release -nodeReuse:false -v q > build.log 2>&1 || { cat build.log >&2; exit 1; }
}

# "12 34": how many tests of a fixture failed and passed on the software device.
run_tests() {
    dotnet test tests/CudaBn.Tests -c Release --no-build \
        --filter "FullyQualifiedName~$1&(FullyQualifiedName~SoftCuda|FullyQualifiedName~cuda:)" > test.log 2>&1 || true
    sed -nE 's/.*Failed: *([0-9]+), Passed: *([0-9]+), Skipped.*/\1 \2/p' test.log | tail -1
}

build tests/CudaBn.Tests
for tests in $(sed -nE 's/^tests: //p' "$here"/*.patch | sort -u); do
    counts=$(run_tests "$tests")
    if [ "${counts%% *}" != 0 ] || [ "${counts##* }" = 0 ]; then
        cat test.log >&2
        echo "without any fault, $tests gives '$counts' (failed, passed)" >&2
        exit 1
    fi
done

killed=0 survived=0
for patch in "$here"/*.patch; do
    name=$(basename "$patch" .patch)
    fault=$(sed -nE 's/^fault: //p' "$patch")
    tests=$(sed -nE 's/^tests: //p' "$patch")
    git apply --whitespace=nowarn "$patch"
    # The kernels are resources of the library: nothing else changes.
    build src/CudaBn --no-restore
    cp src/CudaBn/bin/Release/net10.0/CudaBn.dll tests/CudaBn.Tests/bin/Release/net10.0/
    after=$(run_tests "$tests")
    git apply --whitespace=nowarn -R "$patch"
    if [ -n "$after" ] && [ "${after%% *}" != 0 ]; then
        killed=$((killed + 1))
        printf '%-28s noticed by %3d of %4d tests: %s\n' "$name" "${after%% *}" $((${after%% *} + ${after##* })) "$fault"
    else
        survived=$((survived + 1))
        printf '%-28s NOT NOTICED: %s\n' "$name" "$fault"
    fi
done
echo "$killed faults noticed, $survived not"
[ "$survived" = 0 ] && [ "$killed" -ge 10 ]
