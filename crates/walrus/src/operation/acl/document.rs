//! The document `AccessControlPolicy`.

use crate::access::{Acl, EC2_READER, GROUPS, Grant, Grantee, Permission, by_id, by_uri};
use crate::fault::{ACCESS_DENIED, Fault, MALFORMED_ACL};
use crate::request::not_offered;
use crate::xml::{self, Element, Xml};
use std::collections::BTreeMap;
use types::{AccountId, UserName};

/// Reads the ACL of what has this owner.
///
/// # Errors
/// `MalformedACLError`; `AccessDenied` for another owner; `InvalidArgument` for who is nobody.
pub(super) fn read(body: &[u8], owner: AccountId) -> Result<Acl, Fault> {
    let malformed = |fault: Fault| MALFORMED_ACL.because(fault.message());
    let document = xml::parse(body, "AccessControlPolicy").map_err(malformed)?;
    let (stated, grants) = parts(&document).map_err(malformed)?;
    if stated.trim() != owner.to_string() {
        return Err(ACCESS_DENIED.because("the Owner of an ACL stays who it is"));
    }
    grants.into_iter().map(|element| grant(element, owner)).collect::<Result<_, _>>().map(Acl)
}

/// What is shown of a document that is put; none when it is refused.
pub(crate) fn rewritten_acl(body: &[u8], owner: AccountId) -> Option<String> {
    read(body, owner).ok().map(|acl| write(&acl, owner, &BTreeMap::new()).into_string())
}

/// The owner that a document states, and its grants.
fn parts(document: &Element) -> Result<(&str, Vec<&Element>), Fault> {
    document.only(&["Owner", "AccessControlList"])?;
    let owner = document.child("Owner")?;
    owner.only(&["ID", "DisplayName"])?;
    let list = document.child("AccessControlList")?;
    list.only(&["Grant"])?;
    Ok((owner.required("ID")?, list.all("Grant").collect()))
}

fn grant(element: &Element, owner: AccountId) -> Result<Grant, Fault> {
    let malformed = |fault: Fault| MALFORMED_ACL.because(fault.message());
    element.only(&["Grantee", "Permission"]).map_err(malformed)?;
    let name = element.required("Permission").map_err(malformed)?.trim();
    let permission = Permission::ALL.into_iter().find(|permission| permission.name() == name);
    let permission = permission.ok_or_else(|| {
        MALFORMED_ACL.because("a Permission is READ, WRITE, READ_ACP, WRITE_ACP or FULL_CONTROL")
    })?;
    let who = element.child("Grantee").map_err(malformed)?;
    who.only(&["ID", "DisplayName", "URI", "EmailAddress"]).map_err(malformed)?;
    let text = |name| who.text_of(name).map(|text| text.map(str::trim)).map_err(malformed);
    let grantee = match (text("ID")?, text("URI")?, text("EmailAddress")?) {
        (Some(id), None, None) => by_id(id, owner)?,
        (None, Some(uri), None) => by_uri(uri)?,
        (None, None, Some(_)) => return Err(not_offered("a grantee by EmailAddress")),
        _ => return Err(MALFORMED_ACL.because("a Grantee has either an ID or a URI")),
    };
    Ok(Grant { grantee, permission })
}

/// Writes the ACL of what has this owner. Of accounts that are gone there is no name.
pub(super) fn write(acl: &Acl, owner: AccountId, names: &BTreeMap<AccountId, UserName>) -> Xml {
    let mut answer = Xml::root("AccessControlPolicy");
    answer.open("Owner");
    account(&mut answer, owner, names);
    answer.close("Owner").open("AccessControlList");
    for Grant { grantee, permission } in &acl.0 {
        answer.open("Grant");
        who(&mut answer, *grantee, owner, names);
        answer.text("Permission", permission.name()).close("Grant");
    }
    answer.close("AccessControlList").close("AccessControlPolicy");
    answer
}

fn who(
    answer: &mut Xml,
    grantee: Grantee,
    owner: AccountId,
    names: &BTreeMap<AccountId, UserName>,
) {
    let group = GROUPS.iter().find(|(_, group)| *group == grantee);
    let kind = if group.is_some() { "Group" } else { "CanonicalUser" };
    answer.open(&format!(
        "Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"{kind}\""
    ));
    match grantee {
        Grantee::Owner => account(answer, owner, names),
        Grantee::Account(id) => account(answer, id, names),
        Grantee::Ec2 => {
            answer.text("ID", EC2_READER.0).text("DisplayName", EC2_READER.1);
        }
        Grantee::AllUsers | Grantee::AuthenticatedUsers => {
            answer.text("URI", group.map_or("", |(uri, _)| uri));
        }
    }
    answer.close("Grantee");
}

fn account(answer: &mut Xml, id: AccountId, names: &BTreeMap<AccountId, UserName>) {
    answer.value("ID", id);
    if let Some(name) = names.get(&id) {
        answer.text("DisplayName", name.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Canned;
    use proptest::prelude::*;

    const OWNER: &str = "000000000007";

    fn document(grants: &str) -> String {
        format!(
            "<AccessControlPolicy xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Owner><ID>{OWNER}\
             </ID></Owner><AccessControlList>{grants}</AccessControlList></AccessControlPolicy>"
        )
    }

    fn code(body: &str) -> String {
        match read(body.as_bytes(), OWNER.parse().unwrap()) {
            Ok(_) => String::new(),
            Err(fault) => fault.code().to_owned(),
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_alike(
            grants in proptest::collection::vec((0..5usize, 0..5usize), 0..20),
        ) {
            let other = "000000000008".parse().unwrap();
            let grantees = [
                Grantee::Owner,
                Grantee::Account(other),
                Grantee::Ec2,
                Grantee::AllUsers,
                Grantee::AuthenticatedUsers,
            ];
            let grant = |(who, what): (usize, usize)| {
                Grant { grantee: grantees[who], permission: Permission::ALL[what] }
            };
            let acl = Acl(grants.into_iter().map(grant).collect());
            let owner = OWNER.parse().unwrap();
            let names = [(owner, "a.b".parse().unwrap()), (other, "bob".parse().unwrap())].into();
            let text = write(&acl, owner, &names).into_string();
            prop_assert_eq!(read(text.as_bytes(), owner).unwrap(), acl);
        }

        #[test]
        fn no_body_ends_in_a_panic(body in "(<(/?(AccessControlPolicy|Owner|ID|Grant|Grantee|x)|!DOCTYPE a)>|[a&;é]){0,20}") {
            code(&body);
        }
    }

    #[test]
    fn hostile_documents_are_refused() {
        let grant = |who: &str, what: &str| {
            format!("<Grant><Grantee>{who}</Grantee><Permission>{what}</Permission></Grant>")
        };
        let id = "<ID>000000000008</ID>";
        assert_eq!(code(&document(&grant(id, "READ"))), "");
        assert_eq!(code(&document("")), "");
        for (body, expected) in [
            (String::new(), "MalformedACLError"),
            ("<AccessControlPolicy/>".to_owned(), "MalformedACLError"),
            (document(&grant(id, "read")), "MalformedACLError"),
            (document(&grant(id, "")), "MalformedACLError"),
            (document(&grant("", "READ")), "MalformedACLError"),
            (document(&grant(&id.repeat(2), "READ")), "MalformedACLError"),
            (document(&grant(&format!("{id}<URI>x</URI>"), "READ")), "MalformedACLError"),
            (document(&grant("<ID><b/></ID>", "READ")), "MalformedACLError"),
            (document("<Grant/>"), "MalformedACLError"),
            (document("<Other/>"), "MalformedACLError"),
            (document(&grant("<ID>8</ID>", "READ")), "InvalidArgument"),
            (document(&grant("<ID>&lt;script&gt;</ID>", "READ")), "InvalidArgument"),
            (document(&grant("<URI>http://acs.amazonaws.com/</URI>", "READ")), "InvalidArgument"),
            (document(&grant("<EmailAddress>a@b</EmailAddress>", "READ")), "NotImplemented"),
            (document("").replace(OWNER, "000000000008"), "AccessDenied"),
            (document("").replace("<Owner>", "<Owner><Owner/>"), "MalformedACLError"),
            (format!("<!DOCTYPE a [<!ENTITY b 'c'>]>{}", document("")), "MalformedACLError"),
            (document(&grant("<ID>&b;</ID>", "READ")), "MalformedACLError"),
        ] {
            assert_eq!(code(&body), expected, "{body}");
        }
        let private = read(document("").as_bytes(), OWNER.parse().unwrap()).unwrap();
        assert_ne!(private, Canned::Private.acl(None), "no grant at all is kept as that");
    }
}
