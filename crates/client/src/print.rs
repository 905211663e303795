//! How the lines of the tools are written.

/// The fields of a line, separated by TABs. A field that holds a TAB or an end of line would be
/// read as two, so those become blanks.
pub(crate) fn line(fields: &[&str]) -> String {
    let plain = |field: &&str| field.replace(['\t', '\n', '\r'], " ");
    fields.iter().map(plain).collect::<Vec<_>>().join("\t")
}

/// A time of an answer as the tools print it: `2009-01-06T12:00:00.000Z` is printed as
/// `2009-01-06T12:00:00+0000`.
pub(crate) fn time(text: &str) -> String {
    match text.strip_suffix('Z') {
        Some(utc) => utc.split('.').next().unwrap_or_default().to_owned() + "+0000",
        None => text.to_owned(),
    }
}

/// A number of bytes for people.
pub(crate) fn megabytes(bytes: u64) -> String {
    let tenths = bytes / (1024 * 1024 / 10);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_times_are_printed_as_scripts_expect_them() {
        assert_eq!(line(&["GROUP", "", "web\ttier\n"]), "GROUP\t\tweb tier ");
        assert_eq!(time("2009-01-06T12:00:00.000Z"), "2009-01-06T12:00:00+0000");
        assert_eq!(time("2009-01-06T12:00:00Z"), "2009-01-06T12:00:00+0000");
        assert_eq!(time(""), "");
        assert_eq!(megabytes(15 * 1024 * 1024 + 600 * 1024), "15.5 MB");
    }
}
