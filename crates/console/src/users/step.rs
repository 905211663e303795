//! What an administrator does with an account, each after a question.

use super::{confirmation, deed_with, is_used};
use crate::console::Console;
use crate::error::{Error, Result};
use crate::guard::Member;
use crate::mail;
use state::{Person, Stage};

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Approve,
    Reject,
    /// The mail with the code again.
    Remind,
    Enable,
    Disable,
    Appoint,
    Dismiss,
    Delete,
}

impl Step {
    const ALL: [Self; 8] = [
        Self::Approve,
        Self::Reject,
        Self::Remind,
        Self::Enable,
        Self::Disable,
        Self::Appoint,
        Self::Dismiss,
        Self::Delete,
    ];

    /// The steps that make sense for an account.
    pub(super) fn of(person: &Person) -> impl Iterator<Item = Self> {
        let (stage, admin, used) = (person.stage, person.user.admin, is_used(person));
        Self::ALL.into_iter().filter(move |step| match step {
            Self::Approve | Self::Reject => stage == Stage::Unapproved,
            Self::Remind => stage == Stage::Unconfirmed,
            Self::Enable => stage == Stage::Disabled,
            Self::Disable => matches!(stage, Stage::Active | Stage::Unconfirmed),
            Self::Appoint => used && !admin,
            Self::Dismiss => admin,
            Self::Delete => stage != Stage::Unapproved,
        })
    }

    pub(super) fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.word() == word)
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Remind => "remind",
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Appoint => "appoint",
            Self::Dismiss => "dismiss",
            Self::Delete => "delete",
        }
    }

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Approve => "Approve",
            Self::Reject => "Reject",
            Self::Remind => "Send the mail again",
            Self::Enable => "Enable",
            Self::Disable => "Disable",
            Self::Appoint => "Make administrator",
            Self::Dismiss => "Make ordinary user",
            Self::Delete => "Delete",
        }
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Approve => "Approve this account?",
            Self::Reject => "Reject this application?",
            Self::Remind => "Send the mail again?",
            Self::Enable => "Enable this account?",
            Self::Disable => "Disable this account?",
            Self::Appoint => "Make this user an administrator?",
            Self::Dismiss => "Take the administrator's rights?",
            Self::Delete => "Delete this user?",
        }
    }

    pub(super) const fn question(self) -> &'static str {
        match self {
            Self::Approve => "The user gets a mail with an address that activates the account.",
            Self::Reject => "The application is deleted, and the user gets a mail.",
            Self::Remind => "The address in the mail before is of no use any more.",
            Self::Enable => "Keys, certificates and password are taken again.",
            Self::Disable => {
                "Keys, certificates, password and sessions end at once. Instances go on."
            }
            Self::Appoint => "Administrators see and change what belongs to all users.",
            Self::Dismiss => "The user keeps what is his own.",
            Self::Delete => {
                "This is refused while the user owns anything: instances, images, key pairs, \
                 addresses, groups, buckets."
            }
        }
    }

    /// Takes it.
    ///
    /// # Errors
    /// Those of [`is_refusal`] when it makes no sense (any more).
    pub(super) async fn take(
        self,
        console: &Console,
        member: &Member,
        person: &Person,
    ) -> Result<()> {
        let state = console.cloud.state();
        let (name, email) = (person.user.name.clone(), &person.profile.email);
        let deed = |action| deed_with(console, member, person, action);
        match self {
            Self::Approve => {
                let (code, kept) = confirmation(console)?;
                let mut deed = deed("approve account");
                deed.mails.push(mail::approval(console, email, &name, &code));
                state.approve(name, kept, deed).await?;
            }
            Self::Reject => {
                let mut deed = deed("reject account");
                deed.mails.push(mail::rejection(console, email, &name));
                state.reject(name, deed).await?;
            }
            Self::Remind => {
                let (code, kept) = confirmation(console)?;
                let mut deed = deed("send confirmation again");
                deed.mails.push(mail::approval(console, email, &name, &code));
                let (account, purpose) = (person.user.account, state::Purpose::Confirm);
                state.add_code(account, purpose, kept, None, deed).await?;
            }
            Self::Enable | Self::Disable => {
                state.set_user_enabled(name, self == Self::Enable).await?;
                let word = if self == Self::Enable { "enable user" } else { "disable user" };
                state.note(deed(word)).await?;
            }
            Self::Appoint => {
                state.set_administrator(name, true, deed("make administrator")).await?
            }
            Self::Dismiss => {
                state.set_administrator(name, false, deed("make ordinary user")).await?;
            }
            Self::Delete => {
                console.cloud.delete_user(name).await?;
                state.note(deed("delete user")).await?;
            }
        }
        Ok(())
    }
}

/// Whether a step was refused for a reason that an administrator understands.
pub(super) fn is_refusal(error: &Error) -> bool {
    let state = match error {
        Error::State(error) | Error::Cloud(cloud::Error::State(error)) => error,
        Error::Cloud(cloud::Error::UserOwnsBuckets { .. }) => return true,
        _ => return false,
    };
    matches!(
        state,
        state::Error::NotUnapproved(_)
            | state::Error::LastAdministrator(_)
            | state::Error::LimitReached { .. }
            | state::Error::UserNotFound(_)
            | state::Error::UserOwns { .. }
    )
}

/// What is said after a step.
pub(super) fn said(word: &str) -> Option<&'static str> {
    Some(match word {
        "added" => "The user is added and gets a mail.",
        "saved" => "The user's information is saved.",
        "approve" => "The account is approved, and the user gets a mail.",
        "reject" => "The application is rejected, and the user gets a mail.",
        "remind" => "The mail is sent again.",
        "enable" => "The account is enabled.",
        "disable" => "The account is disabled.",
        "appoint" => "The user is an administrator now.",
        "dismiss" => "The user is an ordinary user now.",
        "delete" => "The user is deleted.",
        _ => return None,
    })
}
