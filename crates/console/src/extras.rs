//! The tab Extras: where clients and images come from (1.5).

use crate::console::Console;
use crate::error::Result;
use crate::guard::Member;
use crate::page::Frame;
use axum::extract::State;
use axum::response::Response;
use maud::html;
use std::sync::Arc;

pub(crate) async fn show(State(console): State<Arc<Console>>, member: Member) -> Result<Response> {
    let walrus = console.cloud.walrus_url().await?;
    let ec2 = console.cloud.ec2_url().await?;
    let content = html! {
        section {
            h2 { "Addresses of this cloud" }
            dl {
                dt { "EC2" } dd.code { (ec2) }
                dt { "S3 (Walrus)" } dd.code { (walrus) }
            }
        }
        section {
            h2 { "Clients" }
            p { "Every client of Amazon's EC2 and S3 that takes another address works here; the file \
                 eucarc of your credentials tells most of them where." }
            ul {
                li { "The AWS CLI: " code { ". ./eucarc; aws ec2 describe-instances" } }
                li { "Eucalyptus' own commands, on the machines of the cloud: "
                     code { ". ./eucarc; euca-describe-instances" } }
            }
        }
        section {
            h2 { "Images" }
            p { "Any Linux image for KVM can be bundled, uploaded and registered; the Administrator's \
                 Guide says how." }
        }
    };
    Ok(Frame::of(&console, "Extras").member(&member).tab("/extras").show(content))
}
