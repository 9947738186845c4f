# Reads PTX; the variable run names its compilation. Prints, and fails for, every kernel whose static shared memory exceeds 48 KB: the arrays of shared memory
# that its body and the functions it calls name.

function size_of_type(type) {
    return substr(type, 3) / 8
}

# Adds what this function uses, and what those use that it calls, to the kernel that is being summed up.
function visit(f,    list, count, i) {
    if (f in visited)
        return
    visited[f] = 1
    count = split(words[f], list, " ")
    for (i = 1; i <= count; i++) {
        if (list[i] in bytes)
            used[list[i]] = 1
        if (list[i] in words)
            visit(list[i])
    }
}

# .shared .align 4 .b8 name[1024];
/^[ \t]*(\.[a-z]+ )*\.shared / && !/\.extern/ {
    for (i = 1; i <= NF; i++) {
        if ($i ~ /^\.[bsuf](8|16|32|64|128)$/)
            type = $i
    }

    name = $NF
    sub(/;.*/, "", name)
    count = 1
    if (match(name, /\[[0-9]+\]/)) {
        count = substr(name, RSTART + 1, RLENGTH - 2)
        name = substr(name, 1, RSTART - 1)
    }

    bytes[name] = count * size_of_type(type)
    if (in_body)
        words[current] = words[current] " " name
}

/\.entry |\.func / {
    current = ""
    rest = $0
    sub(/.*\.(entry|func)[ \t]*/, "", rest)
    sub(/^\([^)]*\)[ \t]*/, "", rest)
    match(rest, /^[A-Za-z0-9_$]+/)
    current = substr(rest, 1, RLENGTH)
    if (/\.entry /)
        entries[current] = 1
    words[current] = words[current] ""
}

/^\{/ { in_body = 1 }
/^\}/ { in_body = 0 }

in_body && current != "" {
    line = $0
    while (match(line, /[A-Za-z_$][A-Za-z0-9_$]*/)) {
        word = substr(line, RSTART, RLENGTH)
        if (length(word) > 2)
            words[current] = words[current] " " word
        line = substr(line, RSTART + RLENGTH)
    }
}

END {
    status = 0
    for (kernel in entries) {
        delete visited
        delete used
        visit(kernel)
        total = 0
        for (variable in used)
            total += bytes[variable]
        if (total > 49152) {
            printf "%s: kernel %s has %d bytes of static shared memory, over 49152\n", run, kernel, total
            status = 1
        }
    }

    exit status
}
