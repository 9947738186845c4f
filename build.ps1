param([ValidateSet('restore', 'build', 'test', 'bench', 'pack')][string]$Target = 'build')

switch ($Target) {
    'restore' { dotnet restore CudaBn.sln }
    'build' { dotnet build CudaBn.sln -c Release }
    'test' { dotnet test CudaBn.sln -c Release }
    'bench' { dotnet run -c Release --project bench }
    'pack' { dotnet pack CudaBn.sln -c Release -o artifacts }
}
exit $LASTEXITCODE
