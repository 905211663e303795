//! The console as a whole: what it is made of, and its routes.

use crate::error::Error;
use crate::guard::Member;
use crate::password::Hasher;
use crate::throttle::Throttle;
use crate::words::Words;
use crate::{
    account, apply, assets, configuration, extras, first, guard, images, instances, key_pairs, log,
    login, mail, recover, start, users,
};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use cloud::Cloud;
use cloud::ec2::{self, Refused};
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use state::Deed;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Notify, watch};
use types::Timestamp;

/// What the configuration says of the console.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `https://HOST:8443` at which browsers reach it; mails have links to it.
    pub url: String,
    /// The directory of `eucalyptus-web.properties`.
    pub configuration: PathBuf,
    /// `HOST:PORT` of the mail server (SMTP_SERVER).
    pub smtp_server: String,
}

/// The console.
pub struct Console {
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) settings: Settings,
    pub(crate) words: Words,
    pub(crate) hasher: Hasher,
    pub(crate) throttle: Throttle,
    pub(crate) smtp: AsyncSmtpTransport<Tokio1Executor>,
    /// Wakes whoever sends mail.
    pub(crate) mail_waits: Notify,
}

impl Console {
    /// Makes the console of a cloud. At the first start the user `admin` gets the password
    /// `admin`, which must be changed before anything else.
    ///
    /// # Errors
    /// When the mail server's name cannot be used, or the database fails.
    pub async fn open(cloud: Arc<Cloud>, settings: Settings) -> Result<Arc<Self>, Error> {
        let words = Words::read(&settings.configuration);
        let smtp = mail::server(&settings.smtp_server)?;
        let hasher = Hasher::new()?;
        first::give_the_first_password(&cloud, &hasher).await?;
        let (throttle, mail_waits) = (Throttle::default(), Notify::new());
        Ok(Arc::new(Self { cloud, settings, words, hasher, throttle, smtp, mail_waits }))
    }

    /// The pages.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/", get(start::show))
            .route("/console.css", get(assets::sheet))
            .route("/htmx.js", get(assets::htmx))
            .route("/login", get(login::show).post(login::log_in))
            .route("/logout", post(login::log_out))
            .route("/apply", get(apply::show).post(apply::apply))
            .route("/recover", get(recover::show).post(recover::ask))
            .route("/recovered", post(recover::recover))
            .route("/first/password", get(first::password).post(first::set_password))
            .route("/first/email", get(first::email).post(first::set_email))
            .route("/first/walrus", get(first::walrus).post(first::set_walrus))
            .route("/credentials", get(account::show))
            .route("/credentials/account", get(account::edit).post(account::save))
            .route("/credentials/password", get(account::password).post(account::set_password))
            .route("/credentials/certificate", post(account::certificate))
            .route("/credentials/link", post(account::link))
            .route("/credentials/keys", get(account::ask_keys).post(account::new_keys))
            .route("/getX509", get(account::get_x509))
            .route("/instances", get(instances::list))
            .route("/instances/rows", get(instances::live))
            .route("/instances/new", get(instances::new).post(instances::launch))
            .route("/instances/{id}", get(instances::view))
            .route("/instances/{id}/console", get(instances::console_output))
            .route("/instances/{id}/{step}", get(instances::ask).post(instances::take_step))
            .route("/images", get(images::show))
            .route("/key-pairs", get(key_pairs::list).post(key_pairs::create))
            .route("/key-pairs/import", post(key_pairs::import))
            .route("/key-pairs/{id}/delete", get(key_pairs::ask).post(key_pairs::delete))
            .route("/users", get(users::list).post(users::add))
            .route("/users/{name}", get(users::view).post(users::change))
            .route("/users/{name}/{step}", get(users::ask).post(users::take_step))
            .route("/configuration", get(configuration::show))
            .route("/configuration/cloud", post(configuration::save_cloud))
            .route("/configuration/clusters", post(configuration::add_cluster))
            .route(
                "/configuration/clusters/{name}",
                get(configuration::ask_cluster).post(configuration::remove_cluster),
            )
            .route("/configuration/vm-types", post(configuration::save_vm_types))
            .route("/log", get(log::show))
            .route("/extras", get(extras::show))
            .fallback(guard::not_here)
            .layer(from_fn_with_state(Arc::clone(self), guard::every_answer))
            .with_state(Arc::clone(self))
    }

    /// Sends mail until `stop` says so.
    pub async fn run(self: Arc<Self>, stop: watch::Receiver<bool>) {
        mail::send_all(&self, stop).await;
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.cloud.now()
    }

    /// Calls an EC2 action for a member, and notes that it was done with `object`.
    pub(crate) async fn act(
        &self,
        member: &Member,
        action: &'static str,
        object: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Result<String, Refused>, Error> {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        let parameters: Vec<_> = parameters.iter().map(owned).collect();
        let answer = ec2::act(&self.cloud, &member.person.user, action, &parameters).await;
        if answer.is_ok() {
            self.cloud.state().note(self.deed(member.name(), action, object)).await?;
        }
        Ok(answer)
    }

    /// A deed without mails.
    pub(crate) fn deed(&self, actor: &str, action: &'static str, object: &str) -> Deed {
        let (actor, object) = (actor.to_owned(), object.chars().take(200).collect());
        Deed { actor, action, object, mails: Vec::new(), at: self.now() }
    }
}
