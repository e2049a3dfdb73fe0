//! Formats a failed command's error: one line that says what went wrong and what to do, with exit code 1.

/// The whole chain of causes in one line, to follow `error: `.
pub(crate) fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        // Some libraries repeat their source's text.
        if line.ends_with(&text) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&text);
    }
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn causes_follow_each_other_in_one_line() {
        let error = anyhow!("permission denied")
            .context("cannot create ./data\n  for the databases")
            .context("the server did not start");
        assert_eq!(
            one_line(&error),
            "the server did not start: cannot create ./data for the databases: permission denied"
        );
    }

    #[test]
    fn a_cause_that_is_already_told_is_not_repeated() {
        let error = anyhow!("permission denied").context("cannot read: permission denied");
        assert_eq!(one_line(&error), "cannot read: permission denied");
    }
}
