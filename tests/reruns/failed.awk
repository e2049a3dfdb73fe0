# Reads what `cargo test --workspace --no-fail-fast` printed, and prints a line for each target that failed: the arguments
# by which cargo selects it and the names of its failed tests, separated by tabs. There are no names if it ended before it
# had run all of its tests, or cannot be asked for one test: then all of its tests run again.

/^ +(Running|Doc-tests) / {
    complete = 0
}

# Printed twice: before the output of the failed tests, and before their names, which are the last lines.
/^failures:$/ {
    names = ""
    count = 0
    complete = 0
}

/^    [^ ]/ {
    names = names "\t" substr($0, 5)
    count++
}

# test result: FAILED. 10 passed; 2 failed; …
/^test result: FAILED\. / {
    complete = count == $6
}

# After a process that was killed, this is the end of a line.
/error: (doc)?test failed, to rerun pass `/ {
    target = $0
    sub(/.*to rerun pass `/, "", target)
    sub(/`.*/, "", target)
    # Rustdoc splits the names of its tests at their spaces.
    print target (complete && target !~ /--doc/ ? names : "")
}
