#!/usr/bin/env bash
# Compiles every kernel to PTX with clang, for both element types and the architectures that the project supports, as a
# second reader of the sources; and checks that the static shared memory of each kernel stays within 48 KB.
#
#   check.sh [folder of kernels]
#
# A source that needs constants names them in comments, one variant a line, and is compiled once for each:
#   // ptx-constants: KERNEL=5 TILE=64
# Without clang-19 the answer is 77 (skipped), or 1 where CUDABN_REQUIRE_PTX=1. sm_100 and sm_120 need clang-22, and are
# left out where it is missing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
kernels=$(cd "${1:-$here/../../../kernels}" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# compile SOURCE REAL COMPILER PTX_VERSION ARCHITECTURE CONSTANTS...: prints nothing where all is well.
compile() {
    local source=$1 real=$2 compiler=$3 version=$4 architecture=$5
    shift 5
    local name ptx
    name="$(basename "$source") REAL=$real $* $architecture"
    ptx=$(mktemp "$scratch/XXXXXX.ptx")
    if ! "$compiler" -x cuda --cuda-device-only -nocudainc -nocudalib "--cuda-gpu-arch=$architecture" \
        "--cuda-feature=+ptx$version" -std=c++17 -O1 -S \
        -Wall -Wextra -Wno-sign-compare -Wno-unused-function -Wno-unknown-cuda-version -Wno-pass-failed -Werror \
        -I"$here" -I"$kernels" -I"$kernels/.." \
        -include clang_builtins.h "-DREAL=$real" "${@/#/-D}" "$source" -o "$ptx" 2> "$ptx.log"; then
        printf '%s: does not compile\n' "$name"
        cat "$ptx.log"
        return 1
    fi

    awk -v run="$name" -f "$here/shared_memory.awk" "$ptx"
}

# Lines of arguments for compile.
list_work() {
    local source real line constants
    for source in "$kernels"/*.cu; do
        mapfile -t constants < <(sed -n 's|^// ptx-constants: *||p' "$source")
        [ ${#constants[@]} -gt 0 ] || constants=('')
        for line in "${constants[@]}"; do
            for real in float double; do
                for architecture in sm_75 sm_80 sm_86 sm_90; do
                    echo "$source $real clang++-19 85 $architecture $line"
                done
                if command -v clang++-22 > /dev/null; then
                    for architecture in sm_100 sm_120; do
                        echo "$source $real clang++-22 88 $architecture $line"
                    done
                fi
            done
        done
    done
}

if ! command -v clang++-19 > /dev/null; then
    echo "ptx check: clang++-19 is not installed (Debian: apt-get install clang-19)"
    [ "${CUDABN_REQUIRE_PTX:-0}" = 1 ] && exit 1
    exit 77
fi

command -v clang++-22 > /dev/null || echo "ptx check: without clang++-22, sm_100 and sm_120 are not compiled for"
list_work > "$scratch/work"
export -f compile
export here kernels scratch
if ! xargs -P "$(nproc)" -d '\n' -n 1 bash -c 'compile $1' compile < "$scratch/work"; then
    echo "ptx check: failed"
    exit 1
fi

echo "ptx check: $(wc -l < "$scratch/work") compilations of $(ls "$kernels"/*.cu | wc -l) sources"
