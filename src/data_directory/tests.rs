//! The data directory: permissions, missing databases, and locks.

use super::*;

fn directory() -> (tempfile::TempDir, DataDirectory) {
    let temporary = tempfile::tempdir().unwrap();
    let directory = DataDirectory::at(&temporary.path().join("data"));
    (temporary, directory)
}

/// Simulates the creation of the domain's database.
fn make(directory: &DataDirectory, domain: Domain) {
    directory.check(domain, Missing::Create(&[])).unwrap();
    fs::write(directory.database(domain), "").unwrap();
    directory.created(domain).unwrap();
}

#[test]
fn a_database_that_was_there_is_not_made_again_unless_it_is_named() {
    for domain in Domain::ALL {
        let (_temporary, directory) = directory();
        for made in Domain::ALL {
            make(&directory, made);
        }
        fs::remove_file(directory.database(domain)).unwrap();
        for other in Domain::ALL {
            let checked = directory.check(other, Missing::Create(&[]));
            assert_eq!(checked.is_err(), other == domain, "{other:?}");
        }
        let refused = directory.check(domain, Missing::Create(&[])).unwrap_err();
        let flag = format!("--create-database {}", domain.name());
        assert!(refused.to_string().contains(&flag), "{refused}");
        directory.check(domain, Missing::Create(&[domain])).unwrap();
    }
}

#[test]
fn a_first_start_that_was_cut_off_goes_on() {
    let (_temporary, directory) = directory();
    make(&directory, Domain::Orders);
    directory
        .check(Domain::Returns, Missing::Create(&[]))
        .unwrap();
}

#[test]
fn a_directory_of_an_earlier_version_had_all() {
    let (_temporary, directory) = directory();
    fs::create_dir(&directory.path).unwrap();
    fs::write(directory.database(Domain::Orders), "").unwrap();
    let refused = directory.check(Domain::Returns, Missing::Create(&[]));
    assert!(refused.is_err());
}

#[test]
fn who_only_looks_makes_nothing() {
    let (_temporary, directory) = directory();
    let refused = directory
        .check(Domain::Orders, Missing::Refuse)
        .unwrap_err();
    let file = directory.database(Domain::Orders);
    assert!(
        refused.to_string().contains(&file.display().to_string()),
        "{refused}"
    );
    assert!(!directory.path.exists());
}

#[test]
fn a_domain_is_served_by_one() {
    let (_temporary, directory) = directory();
    let first = [Domain::Orders, Domain::Search];
    let first = directory.serve(&first, false).unwrap();
    for shares in [false, true] {
        let second = [Domain::Returns, Domain::Search];
        let refused = directory.serve(&second, shares).unwrap_err();
        assert!(refused.to_string().contains("serves search"), "{refused}");
    }
    directory.serve(&[Domain::Returns], false).unwrap();
    drop(first);
    let one = directory.serve(&Domain::ALL, true).unwrap();
    let other = directory.serve(&Domain::ALL, true).unwrap();
    assert!(directory.serve(&Domain::ALL, false).is_err());
    drop((one, other));
    // Locks are independent of the databases.
    directory
        .check(Domain::Orders, Missing::Create(&[]))
        .unwrap();
}

#[cfg(unix)]
#[test]
fn what_is_there_becomes_private() {
    use std::os::unix::fs::PermissionsExt;

    let (_temporary, directory) = directory();
    let below = directory.path.join("objects/labels");
    fs::create_dir_all(&below).unwrap();
    let mut paths = vec![
        below.join("label.pdf"),
        directory.database(Domain::Orders),
        directory.path.join("orders.sqlite-wal"),
    ];
    for path in &paths {
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    paths.push(directory.path.join("objects"));
    paths.push(below);
    paths.push(directory.path.clone());
    for path in &paths[3..] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    directory
        .check(Domain::Search, Missing::Create(&[Domain::Search]))
        .unwrap();
    let later = directory.path.join("later");
    fs::write(&later, "").unwrap();
    paths.push(later);
    for path in paths {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} {mode:o}", path.display());
    }
}
