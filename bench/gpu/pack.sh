#!/usr/bin/env bash
# Packs tests, command line and benchmarks for a GPU machine that has neither a .NET SDK nor a network: one folder with the
# .NET runtime in it, as a .tar.xz of at most 40 MiB.
# Usage: bench/gpu/pack.sh [PACKAGE.tar.xz]    (default: artifacts/cudabn-gpu.tar.xz)
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
package=$(realpath -m "${1:-$root/artifacts/cudabn-gpu.tar.xz}")
most=$((40 * 1024 * 1024))
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# From a copy of the working tree: publishing for another runtime must not disturb the builds in it.
mkdir "$work/source"
git -C "$root" ls-files -z --cached --others --exclude-standard | (cd "$root" && xargs -0 ls -d 2> /dev/null | tar -cf - -T -) |
    tar -xf - -C "$work/source"

# There is no repository in the copy: results name the commit all the same.
commit=$(git -C "$root" rev-parse HEAD)$(git -C "$root" diff --quiet HEAD || echo .with-changes)
publish() {
    dotnet publish "$work/source/$1" -c Release -r linux-x64 --self-contained -o "$work/cudabn-gpu/bin" \
        -nodeReuse:false -v q -p:SourceRevisionId="$commit" "${@:2}"
}
publish tests/CudaBn.Tests -p:TestsAsProgram=true
publish src/CudaBn.Cli
publish bench

# Test hosts and coverage of other runners, and documentation: nothing here asks for them.
rm -rf "$work"/cudabn-gpu/bin/Microsoft.CodeCoverage "$work"/cudabn-gpu/bin/*.xml
# Nor for the peer that runs on the processor, or for a disassembler.
rm -f "$work"/cudabn-gpu/bin/{libonnxruntime*,onnxruntime*,libcapstone*}
# Nor for debuggers, core dumps, event tracing and other collectors of the runtime, or for native parts of another system.
rm -rf "$work"/cudabn-gpu/bin/{libmscordaccore.so,libmscordbi.so,createdump,libcoreclrtraceptprovider.so,libclrgc*.so,amd64}
cp "$root/bench/gpu/run.sh" "$root/bench/gpu/README.md" "$root/bench/peers/pytorch_seed.py" "$work/cudabn-gpu/"
echo "$commit" > "$work/cudabn-gpu/commit.txt"

mkdir -p "$(dirname "$package")"
# One block, so that every file is packed by what all before it hold; files of a kind stand together by their names.
tar -C "$work" --sort=name -cf - cudabn-gpu | xz -9 -T1 > "$package.part"
size=$(stat -c %s "$package.part")
if [ "$size" -gt "$most" ]; then
    rm "$package.part"
    echo "The package would be $size bytes, more than $most." >&2
    exit 1
fi
mv "$package.part" "$package"
echo "$package: $size bytes"
