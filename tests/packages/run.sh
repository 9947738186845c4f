#!/usr/bin/env bash
# Packs all packages and uses them as users do, outside of this repository: installs the command from its tool package and
# trains with it, builds the program in Consumer with the library's package, publishes it trimmed and compiled ahead of
# time, and runs every one of them.
# Usage: tests/packages/run.sh [CUDA]    (CUDA: a folder with CUDA's libraries, on which the program then runs, too)
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cuda=${1:+$(realpath "$1")}
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
version=$(sed -nE 's:.*<Version>(.*)</Version>.*:\1:p' "$root/Directory.Build.props")
runtime=linux-x64

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
feed=$work/feed
export CUDABN_CACHE=$work/cache
export NUGET_PACKAGES=$work/packages

fail() {
    echo "$*" >&2
    exit 1
}

# Whether a package has a file of such a name.
holds() {
    local names
    names=$(unzip -Z1 "$1")
    grep -qx "$2" <<< "$names" || fail "$(basename "$1") holds no $2"
}

start=$SECONDS
passed() {
    echo "-- $* ($((SECONDS - start)) s)"
    start=$SECONDS
}

# Every project of src is a package, with what a package has; nothing else is one.
(cd "$root" && env -u NUGET_PACKAGES dotnet pack -c Release -o "$feed" -nodeReuse:false -v q)
expected=$(cd "$root/src" && for project in */*.csproj; do basename "$project" .csproj; done | sort)
packed=$(cd "$feed" && for package in *."$version".nupkg; do echo "${package%."$version".nupkg}"; done | sort)
[ "$packed" = "$expected" ] || fail "packed: $packed; expected: $expected"
for name in $packed; do
    package=$feed/$name.$version.nupkg
    for file in README.md LICENSE; do
        holds "$package" "$file"
    done
    holds "$feed/$name.$version.snupkg" ".*/$name.pdb"
    if [ "${CI:-}" = true ]; then
        mkdir "$work/$name"
        unzip -q "$package" "*/$name.*" -d "$work/$name"
        unzip -qo "$feed/$name.$version.snupkg" "*/$name.pdb" -d "$work/$name"
        ! grep -rqF "$root" "$work/$name" || fail "$name tells where it was built"
    fi
    echo "$name.$version.nupkg: $(stat -c %s "$package") bytes"
done
# The command's package is no library.
for name in CudaBn CudaBn.Onnx; do
    holds "$feed/$name.$version.nupkg" "lib/net10.0/$name.xml"
done
passed "packed"

# SourceLink: where the repository has a home, symbols and packages tell which commit of it they are of.
home=https://github.com/cudabn/cudabn.git
commit=$(git -C "$root" rev-parse HEAD)
git clone -q "$root" "$work/clone"
git -C "$work/clone" remote set-url origin "$home"
for name in $packed; do
    (cd "$work/clone" && env -u NUGET_PACKAGES dotnet pack "src/$name" -c Release -o "$work/linked" -nodeReuse:false -v q)
    grep -aqF "https://raw.githubusercontent.com/cudabn/cudabn/$commit/*" \
        <(unzip -qp "$work/linked/$name.$version.snupkg" "*/$name.pdb") || fail "$name has no SourceLink"
    grep -qF "url=\"$home\" " <(unzip -qp "$work/linked/$name.$version.nupkg" "$name.nuspec") ||
        fail "$name does not name its repository"
done
rm -rf "$work/clone"
passed "linked to sources"

cd "$work"
dotnet tool install --tool-path tool --add-source "$feed" --version "$version" CudaBn.Cli
[[ $(tool/cudabn --version) == "$version"* ]] || fail "cudabn --version does not say $version"
tool/cudabn doctor
CUDABN_OFFLINE=1 tool/cudabn train --limit 512 --epochs 1 --out run
tool/cudabn predict run/samples.png --weights run
passed "installed and ran the command"

cp -r "$root/tests/packages/Consumer" Consumer
# CudaBn comes from the folder of fresh packages and from nowhere else: neither from a registry nor from a cache.
sources=$(dotnet nuget list source --format short | sed -nE 's/^E[A-Z]* //p')
{
    echo '<configuration><packageSources><clear />'
    echo "<add key=\"packed\" value=\"$feed\" />"
    number=0
    for source in $sources; do
        number=$((number + 1))
        echo "<add key=\"other$number\" value=\"$source\" />"
    done
    echo '</packageSources><fallbackPackageFolders><clear /></fallbackPackageFolders><packageSourceMapping><clear />'
    echo '<packageSource key="packed"><package pattern="CudaBn*" /></packageSource>'
    for i in $(seq "$number"); do
        echo "<packageSource key=\"other$i\"><package pattern=\"*\" /></packageSource>"
    done
    echo '</packageSourceMapping></configuration>'
} > Consumer/nuget.config

# How it is published, and what MSBuild is told for it.
publish() {
    rm -rf Consumer/obj Consumer/bin
    dotnet publish Consumer -c Release -r "$runtime" -o "$1" -p:CudaBnVersion="$version" -nodeReuse:false -v q "${@:2}"
    echo "$1: $(du -sk --exclude='*.dbg' "$1" | cut -f 1) KiB"
    "$1/Consumer" cpu
    [ -z "$cuda" ] || CUDABN_CUDA_PATH=$cuda "$1/Consumer" cuda
    passed "published and ran the $1 program"
}
publish framework-dependent --no-self-contained
publish trimmed --self-contained -p:PublishTrimmed=true
# For processors with 256-bit registers: without a word, the compiler takes none for granted, and all is twenty times slower.
publish ahead-of-time -p:PublishAot=true -p:IlcInstructionSet=x86-64-v3
