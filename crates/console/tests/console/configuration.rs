use crate::world::World;
use http::StatusCode;

const REFUSED: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

#[tokio::test]
async fn the_clouds_address_and_default_images_are_set() {
    let world = World::set_up().await;
    let mut admin = world.admin().await;
    admin.get("/configuration").await;
    let path = "/configuration/cloud";
    let url = "http://cloud.example.org:8773/services/Walrus";
    let wrong = [("walrus-url", "cloud"), ("kernel", "eki-1"), ("ramdisk", "eki-12345678")];
    assert_eq!(admin.fill_at(path, &wrong).await, REFUSED);
    for says in ["it must end with /services/Walrus", "eki-XXXXXXXX", "eri-XXXXXXXX"] {
        assert!(admin.page.contains(says), "{says}");
    }
    assert_eq!(
        admin.fill_at(path, &[("walrus-url", url), ("kernel", "eki-12345678")]).await,
        REFUSED
    );
    assert!(admin.page.contains("eki-12345678"), "which is not registered");
    admin.get("/configuration").await;
    admin.fill_at(path, &[("walrus-url", url)]).await;
    assert!(
        admin.page.contains("The cloud&#39;s configuration is saved.")
            || admin.page.contains("configuration is saved")
    );
    assert_eq!(world.cloud.walrus_url().await.unwrap(), url);
}

#[tokio::test]
async fn clusters_are_added_moved_and_removed_at_run_time() {
    let world = World::set_up().await;
    let mut admin = world.admin().await;
    let path = "/configuration/clusters";
    let endpoints = async || {
        let clusters = world.cloud.cluster_statuses().await.unwrap();
        clusters.into_iter().map(|it| (it.name.to_string(), it.endpoint)).collect::<Vec<_>>()
    };
    for (name, endpoint, says) in [
        ("a/b", "cc1", "This must be 1 to 64 letters"),
        ("two", "cc 1", "is not HOST or HOST:PORT"),
    ] {
        admin.get("/configuration").await;
        let status = admin.fill_at(path, &[("cluster", name), ("endpoint", endpoint)]).await;
        assert_eq!(status, REFUSED);
        assert!(admin.page.contains(says), "{says} in {}", admin.page);
    }
    assert_eq!(endpoints().await, []);
    for endpoint in ["cc1", "cc2:9774"] {
        admin.get("/configuration").await;
        admin.fill_at(path, &[("cluster", "two"), ("endpoint", endpoint)]).await;
        assert!(admin.page.contains("The cluster is saved."), "{}", admin.page);
    }
    assert_eq!(endpoints().await, [("two".to_owned(), "cc2:9774".to_owned())]);
    admin.get("/configuration/clusters/two").await;
    admin.fill_at("/configuration/clusters/two", &[]).await;
    assert!(admin.page.contains("The cluster is removed."));
    assert_eq!(endpoints().await, []);
    admin.get("/configuration/clusters/two").await;
    let status = admin.fill_at("/configuration/clusters/two", &[]).await;
    assert_eq!(status, REFUSED, "it is gone");
}

#[tokio::test]
async fn vm_types_are_saved_all_at_once_in_any_order() {
    let world = World::set_up().await;
    let mut admin = world.admin().await;
    let path = "/configuration/vm-types";
    let before = world.cloud.state().vm_types().await.unwrap();
    admin.get("/configuration").await;
    assert!(
        admin.page.contains("value=\"m1.small\"") && admin.page.contains("value=\"c1.xlarge\"")
    );
    let row = |number: usize, name: &'static str, figure: &'static str| {
        ["name", "cores", "memory", "disk"].map(|field| {
            let value = if field == "name" { name } else { figure };
            (format!("{field}-{number}"), value)
        })
    };
    let fill = |rows: Vec<[(String, &'static str); 4]>, token: String| {
        let mut all: Vec<_> = rows.into_iter().flatten().map(|(k, v)| (k, v.to_owned())).collect();
        all.push(("token".into(), token));
        crate::browser::encoded(&all)
    };
    for (rows, says) in [
        (vec![row(0, "m1.small", "2"), row(1, "big", "two")], "of &quot;big&quot; must be a whole"),
        (vec![row(0, "m1.small", "2"), row(1, "m1.small", "3")], "m1.small"),
        (vec![row(0, "m1.small", "0")], "1 to 1024 cores"),
        (vec![], "VM type"),
    ] {
        admin.get("/configuration").await;
        let body = fill(rows, admin.token());
        assert_eq!(admin.post(path, body).await, REFUSED);
        assert!(admin.page.contains(says), "{says} in {}", admin.page);
        assert_eq!(world.cloud.state().vm_types().await.unwrap(), before, "none is changed");
    }
    admin.get("/configuration").await;
    let body = fill(vec![row(1, "huge", "64"), row(4, "m1.small", "3")], admin.token());
    admin.post(path, body).await;
    assert!(admin.page.contains("The VM types are saved."), "{}", admin.page);
    let after = world.cloud.state().vm_types().await.unwrap();
    let names: Vec<_> = after.iter().map(|it| (it.name.as_str(), it.figures.cores)).collect();
    assert_eq!(names, [("huge", 64), ("m1.small", 3)]);
}
