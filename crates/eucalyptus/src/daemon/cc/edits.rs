//! Noticing that the configuration was edited while a daemon runs.

use conf::{Conf, Document};
use std::path::PathBuf;

/// Looks at the configuration again and again.
pub(super) struct Edits {
    path: PathBuf,
    /// The text that was read last; none when it could not be read. The file is small, and its
    /// time and size may stay the same where its text does not.
    text: Option<Vec<u8>>,
}

/// What a look found.
#[derive(Debug)]
pub(super) enum Found {
    /// All is as it was at the last look.
    Nothing,
    /// Another text, and nothing wrong with it.
    Conf(Box<Conf>),
    /// Another text, or none, that cannot be used; why, with the remedy.
    Wrong(String),
}

impl Edits {
    /// Looks at the file that this was read from. The first look finds it as new: it may have
    /// been edited since.
    pub(super) fn since(conf: &Conf) -> Self {
        Self { path: conf.path.clone(), text: Some(Vec::new()) }
    }

    pub(super) async fn look(&mut self) -> Found {
        let (text, failure) = match tokio::fs::read(&self.path).await {
            Ok(text) => (Some(text), String::new()),
            Err(failure) => (None, failure.to_string()),
        };
        if text == self.text {
            return Found::Nothing;
        }
        self.text = text;
        let path = self.path.display();
        let problem = match &self.text {
            None => format!("{path} cannot be read: {failure}"),
            Some(text) => match Conf::from_document(&self.path, &Document::parse(text)) {
                Ok((conf, _)) => return Found::Conf(Box::new(conf)),
                Err(wrong) => wrong.to_string(),
            },
        };
        Found::Wrong(format!(
            "the configuration was changed and cannot be used, so that of before stays in force; \
             correct it, and it is taken over: {problem}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(nodes: &str) -> String {
        format!(
            "EUCALYPTUS=/e\nHYPERVISOR=qemu\nVNET_SUBNET=10.128.0.0\nVNET_NETMASK=255.255.0.0\n\
             VNET_DNS=192.0.2.53\nNODES=\"{nodes}\"\n"
        )
    }

    #[tokio::test]
    async fn each_edit_is_found_once_and_a_wrong_one_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("eucalyptus.conf");
        std::fs::write(&path, text("a")).unwrap();
        let (conf, _) = Conf::from_document(&path, &conf::read(&path).unwrap()).unwrap();
        let mut edits = Edits::since(&conf);
        let mut look = async || match edits.look().await {
            Found::Nothing => String::new(),
            Found::Conf(conf) => format!("{:?}", conf.nodes),
            Found::Wrong(problem) => problem,
        };
        let names = |text: &str| {
            let names: Vec<types::NodeName> =
                text.split(' ').map(|name| name.parse().unwrap()).collect();
            format!("{names:?}")
        };
        assert_eq!(look().await, names("a"), "it may have been edited before the first look");
        assert_eq!(look().await, "");
        // of the same length, in the same instant perhaps
        std::fs::write(&path, text("b")).unwrap();
        assert_eq!(look().await, names("b"));

        std::fs::write(&path, text("b;")).unwrap();
        let wrong = look().await;
        assert!(wrong.contains("NODES is \"b;\", but must be"), "{wrong}");
        assert_eq!(look().await, "", "told once");
        std::fs::remove_file(&path).unwrap();
        let gone = look().await;
        assert!(gone.contains("stays in force") && gone.contains("cannot be read"), "{gone}");
        assert_eq!(look().await, "");
        std::fs::write(&path, text("b c")).unwrap();
        assert_eq!(look().await, names("b c"));
    }
}
