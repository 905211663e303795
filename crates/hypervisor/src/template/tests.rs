use super::*;
use crate::libvirt::Libvirt;
use crate::{Chosen, Hypervisor};

const USER: Option<QemuUser> = Some(QemuUser { uid: 64055, gid: 108 });
const ALL: [Accelerator; 3] = [Accelerator::Kvm, Accelerator::Qemu, Accelerator::Xen];

/// Instances of all kinds, one with names that are full of traps.
fn specs() -> Vec<DomainSpec> {
    let [kernel, by_itself] = samples();
    let no_ramdisk = DomainSpec { ramdisk: None, ..kernel.clone() };
    let awkward = DomainSpec {
        bridge: "br<&>'\"".into(),
        tap: "tap\"/><interface/>".into(),
        root: "/srv/NAME/TAP MEMORY/root".into(),
        ..kernel.clone()
    };
    vec![kernel, by_itself, no_ramdisk, awkward]
}

fn filled(template: &str, spec: &DomainSpec, accelerator: Accelerator) -> Result<String, String> {
    fill(template, spec, &domain_xml(spec, accelerator, USER).unwrap())
}

/// The built-in template for QEMU with a change.
fn changed(from: &str, to: &str) -> String {
    let template = built_in(Accelerator::Qemu).unwrap();
    assert!(template.contains(from), "{from} in {template}");
    template.replacen(from, to, 1)
}

#[test]
fn the_built_in_template_makes_the_built_in_xml_of_every_instance() {
    for accelerator in ALL {
        let template = built_in(accelerator).unwrap();
        for spec in specs() {
            // Xen's kinds differ in more than a template's elements can say.
            if accelerator == Accelerator::Xen && spec.kernel.is_none() {
                continue;
            }
            let user = if accelerator == Accelerator::Xen { None } else { USER };
            let xml = domain_xml(&spec, accelerator, user).unwrap();
            let made = fill(&template, &spec, &xml).unwrap();
            let wanted = Element::parse(&xml).unwrap();
            assert!(Element::parse(&made).unwrap().says_the_same(&wanted), "{made}\nnot\n{xml}");
        }
    }
}

#[test]
fn the_built_in_template_names_every_token_and_no_sample() {
    let template = built_in(Accelerator::Qemu).unwrap();
    for token in [
        "TYPE",
        "NAME",
        "UUID",
        "METADATA",
        "MEMORY",
        "VCPUS",
        "OS",
        "CPU",
        "DISKS",
        "PRIVMACADDR",
        "BRIDGEDEV",
        "TAP",
        "CONSOLE",
        "SECLABEL",
    ] {
        assert!(template.contains(token), "{token} in {template}");
    }
    for sample in ["sample", "4EA305C1", "eucabr10", "509"] {
        assert!(!template.contains(sample), "{sample} in {template}");
    }
}

#[test]
fn what_an_administrator_adds_is_kept_and_elements_without_a_value_are_left_out() {
    let template = changed(
        "OS",
        "<os><type>hvm</type><kernel>KERNEL</kernel><initrd>RAMDISK</initrd></os>\
         <description>NAME in BASEPATH, NAMES stay</description>",
    );
    let [kernel, by_itself] = samples();
    let made = filled(&template, &kernel, Accelerator::Qemu).unwrap();
    assert!(made.contains("<kernel>/sample/cache/kernel</kernel>"), "{made}");
    assert!(made.contains("i-4EA305C1 in /sample/i-4EA305C1, NAMES stay"), "{made}");
    let made = filled(&template, &by_itself, Accelerator::Qemu).unwrap();
    assert!(!made.contains("<kernel>") && !made.contains("<initrd>"), "{made}");
    assert!(made.contains("/sample/&lt;a&gt; &amp; &quot;b&quot; &apos;c&apos;"), "{made}");
}

#[test]
fn what_would_break_the_cloud_is_refused_with_line_and_cause() {
    let interface = "<interface type=\"network\"><source network=\"default\"/></interface>";
    let second = format!("DISKS{interface}");
    for (from, to, wanted) in [
        ("</domain>", "", "is not closed"),
        ("<domain", "<!DOCTYPE a [<!ENTITY b \"c\">]><domain", "line 3: only elements"),
        ("</devices>", "</device>", "line"),
        ("NAME", "web", "<name> must stand in it once, with NAME"),
        ("UUID", "00000000-0000-0000-0000-000000000001", "with UUID"),
        ("MEMORY", "1048576", "with MEMORY"),
        ("unit=\"MiB\"", "unit=\"GiB\"", "the unit of <memory> must be MiB"),
        ("VCPUS", "64", "with VCPUS"),
        ("TYPE", "kvm", "must be TYPE"),
        ("PRIVMACADDR", "d0:0d:00:00:00:01", "must be PRIVMACADDR"),
        ("BRIDGEDEV", "br0", "must be BRIDGEDEV"),
        ("TAP", "vnet0", "must be TAP"),
        ("DISKS", "", "DISKS must stand"),
        ("DISKS", second.as_str(), "there must be one <interface>"),
        (
            "DISKS",
            "DISKS<hostdev mode='subsystem' type='pci'><source><mac address='0'/></source></hostdev>",
            "no other way to a network",
        ),
        ("SECLABEL", "", "SECLABEL must stand in it, once"),
        ("SECLABEL", "<seclabel type='none' model='dac'/>", "SECLABEL must stand in it, once"),
        ("SECLABEL", "SECLABEL SECLABEL", "SECLABEL must stand in it, once"),
        ("CONSOLE", "/etc/passwd", "must be a file at CONSOLE"),
        ("append=\"on\"", "", "with append=\"on\""),
        (
            "DISKS",
            "DISKS<console type='file'><source path='/etc/passwd' append='on'/></console>",
            "must be a file at CONSOLE",
        ),
        (
            "</serial>",
            "</serial><serial type='file'><source path='/etc/passwd'/></serial>",
            "only the first serial port may be a file",
        ),
        ("<on_crash>preserve", "<on_crash>destroy", "<on_crash> must be preserve"),
        ("METADATA", "<qemu:commandline/>", "cannot be checked and is not allowed"),
        ("METADATA", "<domain/>&nothing;", "line"),
    ] {
        let template = changed(from, to);
        let error = filled(&template, &samples()[0], Accelerator::Qemu).unwrap_err();
        assert!(error.contains(wanted), "{from} -> {to}: {error}");
        assert!(error.starts_with("line "), "{from} -> {to}: {error}");
    }
}

#[test]
fn long_and_deep_documents_are_refused() {
    let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
    for (text, wanted) in [
        ("", "there is no element in it"),
        ("<a/><b/>", "a second root element"),
        ("words", "text stands outside"),
        (deep.as_str(), "nested too deep"),
        (&"x".repeat(300_000), "longer than"),
    ] {
        let error = Element::parse(text).unwrap_err();
        assert!(error.contains(wanted), "{error}");
    }
}

/// Through libvirt's own fake hypervisor, which starts domains from a template too.
#[test]
fn a_wrong_template_keeps_everything_from_being_started_until_it_is_repaired() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("libvirt.xml");
    let bench = home.path().join("kvm");
    let libvirt = Libvirt::choose("test:///default", Chosen::Qemu, path.clone(), bench);
    assert_eq!(libvirt.obstacle(), Ok(None), "there is no template");

    fs::write(&path, changed("TAP", "vnet0")).unwrap();
    for _ in 0..2 {
        let problem = libvirt.obstacle().unwrap().unwrap();
        assert!(problem.contains("libvirt.xml: ") && problem.contains("must be TAP"), "{problem}");
        assert!(problem.contains("gen_libvirt_xml"), "{problem}");
    }
    let refused = libvirt.start(&samples()[0]);
    assert!(matches!(refused, Err(HypervisorError::NotNow(_))), "{refused:?}");

    fs::write(&path, built_in(Accelerator::Qemu).unwrap()).unwrap();
    assert_eq!(libvirt.obstacle(), Ok(None));
    fs::write(&path, [0xff]).unwrap();
    assert!(libvirt.obstacle().unwrap().is_some());
    fs::remove_file(&path).unwrap();
    assert_eq!(libvirt.obstacle(), Ok(None));
}

/// The first launches of instances were ended by it, for good.
#[test]
fn a_template_that_breaks_between_its_test_and_its_use_is_used_as_it_was_tested() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("libvirt.xml");
    fs::write(&path, built_in(Accelerator::Qemu).unwrap()).unwrap();
    let template = Template::new(path.clone());
    let breaks = |_: XmlFor<'_>| {
        fs::write(&path, "<domain").unwrap();
        Ok(())
    };
    let text = template.tried(Accelerator::Qemu, breaks).unwrap().unwrap().unwrap();
    let [spec, _] = samples();
    let xml = domain_xml(&spec, Accelerator::Qemu, USER).unwrap();
    template.fill(&text, &spec, &xml).unwrap();
    let next = template.tried(Accelerator::Qemu, |xml| xml(USER).map(drop));
    assert!(next.unwrap().is_err(), "and refused from the next on");
}
