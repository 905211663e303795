//! The form of who wants an account, which administrators fill in for others too (FACTS 9.2).

use crate::console::Console;
use crate::error::Result;
use crate::fields::Fields;
use crate::form::{Field, Wrong};
use crate::mail;
use crate::password::objection;
use crate::words::Asked;
use maud::{Markup, html};
use state::Profile;
use types::UserName;

/// The most characters of what a person tells.
const LONGEST: usize = 200;
const LONGEST_DESCRIPTION: usize = 1000;

/// What was filled in.
pub(crate) struct Filled {
    pub(crate) name: String,
    pub(crate) profile: Profile,
}

impl Filled {
    pub(crate) fn empty() -> Self {
        Self { name: String::new(), profile: Profile::default() }
    }

    pub(crate) fn of(fields: &Fields) -> Self {
        Self { name: fields.text("user").to_owned(), profile: profile(fields) }
    }
}

/// What a person tells, as a form has it.
pub(crate) fn profile(fields: &Fields) -> Profile {
    let text = |name| fields.text(name).to_owned();
    Profile {
        full_name: text("full-name"),
        email: text("email"),
        telephone: text("telephone"),
        project_leader: text("project-leader"),
        affiliation: text("affiliation"),
        project_description: text("project-description"),
    }
}

/// The fields of what a person tells.
pub(crate) fn show_profile(asked: &Asked, profile: &Profile, wrong: &Wrong) -> Markup {
    let email = Field::email("Email address", "email", &profile.email);
    let optional = [
        (asked.telephone, "Telephone Number", "telephone", &profile.telephone),
        (asked.project_leader, "Project Leader", "project-leader", &profile.project_leader),
        (asked.affiliation, "Affiliation", "affiliation", &profile.affiliation),
        (
            asked.project_description,
            "Project Description",
            "project-description",
            &profile.project_description,
        ),
    ];
    html! {
        (Field { autocomplete: "name", ..Field::text("Full Name", "full-name", &profile.full_name) }.show(wrong))
        (email.show(wrong))
        @for (is_asked, label, name, value) in optional {
            @if is_asked { (Field::text(label, name, value).optional().show(wrong)) }
        }
    }
}

/// The fields of a new account.
pub(crate) fn show(console: &Console, filled: &Filled, wrong: &Wrong) -> Markup {
    let user = Field { autocomplete: "username", ..Field::text("Username", "user", &filled.name) };
    html! {
        (wrong.summary())
        (user.hint("Letters, digits, and . _ - @ after the first character.").show(wrong))
        (Field::password("Password", "password").hint("At least 5 characters.").show(wrong))
        (Field::password("Password, again", "again").show(wrong))
        (show_profile(&console.words.asked(), &filled.profile, wrong))
    }
}

/// Says what is wrong with what a person tells.
pub(crate) fn check_profile(profile: &Profile, wrong: &mut Wrong) {
    let texts = [
        ("full-name", &profile.full_name, LONGEST),
        ("email", &profile.email, LONGEST),
        ("telephone", &profile.telephone, LONGEST),
        ("project-leader", &profile.project_leader, LONGEST),
        ("affiliation", &profile.affiliation, LONGEST),
        ("project-description", &profile.project_description, LONGEST_DESCRIPTION),
    ];
    for (name, text, longest) in texts {
        if text.chars().count() > longest {
            wrong.add(name, format!("Write at most {longest} characters."));
        } else if text.chars().any(char::is_control) {
            wrong.add(name, "Write one line without control characters.");
        }
    }
    if profile.full_name.is_empty() {
        wrong.add("full-name", "Write the name.");
    }
    if !mail::is_address(&profile.email) {
        wrong.add("email", "Invalid address!");
    }
}

/// The user name that was filled in, once all is right.
///
/// # Errors
/// When the database fails.
pub(crate) async fn check(
    console: &Console,
    fields: &Fields,
    filled: &Filled,
    wrong: &mut Wrong,
) -> Result<Option<UserName>> {
    let name = filled.name.parse::<UserName>();
    match &name {
        Ok(name) if console.person(name).await?.is_some() => {
            wrong.add("user", "Username is taken!");
        }
        Ok(_) => {}
        Err(error) => wrong.add("user", format!("This must be {}.", error.rule)),
    }
    let (password, again) = (fields.exact("password"), fields.exact("again"));
    let why = objection(password, again, &filled.name, &filled.profile.full_name);
    wrong.note("password", why);
    check_profile(&filled.profile, wrong);
    Ok(name.ok().filter(|_| wrong.is_empty()))
}
