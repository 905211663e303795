//! The texts that an administrator may choose: `eucalyptus-web.properties` (FACTS 9.7).

use std::collections::HashMap;
use std::path::Path;

/// The file's name, in the directory of eucalyptus.conf.
const FILE: &str = "eucalyptus-web.properties";

/// The texts. Each is the file's, else what it is in 1.4.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    texts: HashMap<String, String>,
}

/// Which optional fields the application has.
pub(crate) struct Asked {
    pub(crate) telephone: bool,
    pub(crate) project_leader: bool,
    pub(crate) affiliation: bool,
    pub(crate) project_description: bool,
}

impl Words {
    /// Reads the file, if there is one; what is wrong with it is logged.
    pub(crate) fn read(directory: &Path) -> Self {
        let path = directory.join(FILE);
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "cannot read the console's texts");
                String::new()
            }
        };
        Self::parse(&text)
    }

    /// Lines of `key=value`; a backslash at a line's end goes on with the next one.
    fn parse(text: &str) -> Self {
        let mut texts = HashMap::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with(['#', '!']) {
                continue;
            }
            let mut whole = line.to_owned();
            while let Some(begun) = whole.strip_suffix('\\') {
                whole = format!("{begun}{}", lines.next().unwrap_or_default().trim_start());
            }
            if let Some((key, value)) = whole.split_once(['=', ':']) {
                texts.insert(key.trim().to_owned(), value.trim().to_owned());
            }
        }
        Self { texts }
    }

    /// The text of this key, or what it is without the file.
    pub(crate) fn text<'a>(&'a self, key: &str, default: &'a str) -> &'a str {
        self.texts.get(key).map_or(default, String::as_str)
    }

    pub(crate) fn cloud_name(&self) -> &str {
        self.text("cloud-name", "Eucalyptus")
    }

    /// Whether an optional field is asked for.
    pub(crate) fn asked(&self) -> Asked {
        let is_asked = |key| self.text(key, "yes").eq_ignore_ascii_case("yes");
        Asked {
            telephone: is_asked("request-telephone"),
            project_leader: is_asked("request-project-leader"),
            affiliation: is_asked("request-affiliation"),
            project_description: is_asked("request-project-description"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_file_says_and_what_holds_without_it() {
        let text =
            "# a comment\n\ncloud-name = My \\\n   Cloud\nrequest-telephone=no\nlogo-file:x\n\\";
        let words = Words::parse(text);
        assert_eq!(words.cloud_name(), "My Cloud");
        assert_eq!(words.text("logo-file", ""), "x");
        assert_eq!(words.text("login-greeting", "Hello"), "Hello");
        assert!(!words.asked().telephone && words.asked().affiliation);
        assert_eq!(Words::read(Path::new("/nowhere")).cloud_name(), "Eucalyptus");
    }
}
