# Adds up what test runners say at their end; prints "passed failed ignored". One rule a runner:
#   cargo       test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.10s
#   vitest            Tests  1 failed | 11 passed | 2 skipped (14)
#   playwright    11 passed (5.2s)          one line a word, the number first
# "flaky" failed at first and passed when repeated: that is a failure here.
{ gsub(/\033\[[0-9;]*m/, "") }
/^test result: / { passed += $4; failed += $6; ignored += $8; next }
/^ *Tests  / {
  for (i = 2; i < NF; i++) {
    if ($(i + 1) ~ /^passed/) passed += $i
    else if ($(i + 1) ~ /^failed/) failed += $i
    else if ($(i + 1) ~ /^(skipped|todo)/) ignored += $i
  }
  next
}
/^  [0-9]+ passed( |$)/ { passed += $1 }
/^  [0-9]+ (failed|flaky|interrupted)( |$)/ { failed += $1 }
/^  [0-9]+ (skipped|did not run)( |$)/ { ignored += $1 }
END { print passed + 0, failed + 0, ignored + 0 }
