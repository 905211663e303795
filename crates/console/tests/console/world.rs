//! A console over a cloud in a temporary directory, with a clock that tests move.

use crate::browser::Browser;
use cloud::{Cloud, ClusterFactory};
use conf::Layout;
use console::{Console, Settings};
use protocol::{CallError, ClusterApi};
use state::NewMail;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use types::{Clock, ClusterName, Timestamp};

pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;
/// The administrator's password after the first tasks.
pub(crate) const ADMIN_PASSWORD: &str = "a good one";

#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// There are no clusters.
struct NoClusters;

impl ClusterFactory for NoClusters {
    fn cluster(&self, _: &ClusterName, _: &str) -> Result<Arc<dyn ClusterApi>, CallError> {
        Err(CallError::Failed("there are no clusters".into()))
    }
}

pub(crate) struct World {
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) console: Arc<Console>,
    clock: Arc<TestClock>,
    seen: Mutex<Vec<String>>,
    _dir: tempfile::TempDir,
}

impl World {
    /// A cloud at its first start.
    pub(crate) async fn new() -> Self {
        Self::with_mail_server("localhost:25", "").await
    }

    pub(crate) async fn with_mail_server(smtp_server: &str, properties: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        for (path, _) in layout.directories() {
            std::fs::create_dir_all(path).unwrap();
        }
        let configuration = dir.path().join("etc/eucalyptus");
        std::fs::write(configuration.join("eucalyptus-web.properties"), properties).unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(1_800_000_000_000)));
        let settings = cloud::Settings {
            database_url: format!("sqlite:{}", layout.db().join("eucalyptus.db").display()),
            layout,
            public_url: "http://192.0.2.1:8773".into(),
            walrus_url: None,
            walrus_domains: vec![],
            image_source: "192.0.2.1:8773".into(),
            signature_v1: false,
            cluster: None,
        };
        let cloud = Cloud::open(settings, clock.clone(), Arc::new(NoClusters)).await.unwrap();
        let settings = Settings {
            url: "https://192.0.2.1:8443".into(),
            configuration,
            smtp_server: smtp_server.into(),
        };
        let console = Console::open(cloud.clone(), settings).await.unwrap();
        Self { cloud, console, clock, seen: Mutex::default(), _dir: dir }
    }

    /// A cloud whose administrator has done the first tasks.
    pub(crate) async fn set_up() -> Self {
        let world = Self::new().await;
        world.first_tasks().await;
        world
    }

    /// Does the first tasks; the administrator's browser.
    pub(crate) async fn first_tasks(&self) -> Browser {
        let mut admin = self.browser();
        admin.log_in("admin", "admin").await;
        let new = [("old", "admin"), ("password", ADMIN_PASSWORD), ("again", ADMIN_PASSWORD)];
        admin.fill(&new).await;
        let address = "admin@example.org";
        admin.fill(&[("email", address), ("again", address)]).await;
        admin.fill(&[("url", "http://192.0.2.1:8773/services/Walrus")]).await;
        admin
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.console.router())
    }

    pub(crate) async fn admin(&self) -> Browser {
        let mut browser = self.browser();
        browser.log_in("admin", ADMIN_PASSWORD).await;
        browser
    }

    /// Makes a user in the way that administrators do, with a confirmed account; a browser that is
    /// logged in.
    pub(crate) async fn user(&self, name: &str, password: &str) -> Browser {
        let mut admin = self.admin().await;
        admin.get("/users").await;
        let email = format!("{name}@example.org");
        let fields = [
            ("user", name),
            ("password", password),
            ("again", password),
            ("full-name", "A. Person"),
            ("email", &email),
        ];
        admin.fill_at("/users", &fields).await;
        let code = self.code_in_new_mail().await;
        let mut browser = self.browser();
        browser.get(&format!("/?action=confirm&code={code}")).await;
        browser.fill(&[("user", name), ("password", password)]).await;
        assert!(browser.page.contains("Query interface"), "{}", browser.page);
        browser
    }

    /// The mails that were queued since the last look.
    pub(crate) async fn new_mails(&self) -> Vec<NewMail> {
        let mails = self.cloud.state().mails(1000).await.unwrap();
        let mut seen = self.seen.lock().unwrap();
        let new: Vec<_> = mails.into_iter().filter(|mail| !seen.contains(&mail.id)).collect();
        seen.extend(new.iter().map(|mail| mail.id.clone()));
        new.into_iter().map(|mail| mail.mail).collect()
    }

    /// The code in the one new mail.
    pub(crate) async fn code_in_new_mail(&self) -> String {
        let mails = self.new_mails().await;
        assert_eq!(mails.len(), 1, "{mails:?}");
        code_in(&mails[0])
    }

    pub(crate) fn pass(&self, millis: i64) {
        self.clock.0.fetch_add(millis, Ordering::SeqCst);
    }
}

/// The code in the address that a mail has.
pub(crate) fn code_in(mail: &NewMail) -> String {
    let (_, rest) = mail.body.split_once("&code=").unwrap_or_else(|| panic!("{}", mail.body));
    rest.split_whitespace().next().unwrap().to_owned()
}
