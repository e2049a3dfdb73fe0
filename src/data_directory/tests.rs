//! The data directory: permissions, missing databases, and locks.

use sea_orm::ConnectionTrait;

use super::*;

fn directory() -> (tempfile::TempDir, DataDirectory) {
    let temporary = tempfile::tempdir().unwrap();
    let directory = DataDirectory::at(&temporary.path().join("data"));
    (temporary, directory)
}

/// Simulates the creation of the domain's database.
async fn make(directory: &DataDirectory, domain: Domain) {
    directory.check(domain, Missing::Create(&[])).await.unwrap();
    run(directory, domain, "CREATE TABLE seaql_migrations (version)").await;
    directory.created(domain).unwrap();
}

/// Runs a statement in the domain's database, which exists afterwards.
async fn run(directory: &DataDirectory, domain: Domain, statement: &str) {
    let file = directory.database(domain);
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let connection = sea_orm::Database::connect(url).await.unwrap();
    connection.execute_unprepared(statement).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_database_that_was_there_is_not_made_again_unless_it_is_named() {
    for domain in Domain::ALL {
        let (_temporary, directory) = directory();
        for made in Domain::ALL {
            make(&directory, made).await;
        }
        assert_eq!(directory.existing().await.unwrap(), Domain::ALL);
        let file = directory.database(domain);
        for left in ["nothing", "an empty file", "no table"] {
            fs::remove_file(&file).unwrap();
            match left {
                "an empty file" => fs::write(&file, "").unwrap(),
                "no table" => run(&directory, domain, "PRAGMA user_version = 1").await,
                _ => {}
            }
            for other in Domain::ALL {
                let checked = directory.check(other, Missing::Create(&[])).await;
                assert_eq!(checked.is_err(), other == domain, "{other:?} with {left}");
            }
            let refused = directory.check(domain, Missing::Create(&[])).await;
            let refused = refused.unwrap_err().to_string();
            let flag = format!("--create-database {}", domain.name());
            assert!(refused.contains(&flag), "{refused}");
            let is_empty = refused.contains("is empty, but it was there before");
            assert_eq!(is_empty, left != "nothing", "{refused}");
            assert!(directory.existing().await.is_err());
            assert!(directory.check(domain, Missing::Refuse).await.is_err());
            directory
                .check(domain, Missing::Create(&[domain]))
                .await
                .unwrap();
            run(&directory, domain, "PRAGMA user_version = 2").await;
        }
    }
}

#[tokio::test]
async fn a_first_start_that_was_cut_off_goes_on() {
    let (_temporary, directory) = directory();
    make(&directory, Domain::Orders).await;
    fs::write(directory.database(Domain::Search), "").unwrap();
    for domain in [Domain::Returns, Domain::Search] {
        directory.check(domain, Missing::Create(&[])).await.unwrap();
    }
}

#[tokio::test]
async fn a_directory_of_an_earlier_version_had_all() {
    let (_temporary, directory) = directory();
    fs::create_dir(&directory.path).unwrap();
    fs::write(directory.database(Domain::Orders), "").unwrap();
    let refused = directory.check(Domain::Returns, Missing::Create(&[]));
    assert!(refused.await.is_err());
}

#[tokio::test]
async fn who_only_looks_makes_nothing() {
    let (_temporary, directory) = directory();
    let refused = directory
        .check(Domain::Orders, Missing::Refuse)
        .await
        .unwrap_err();
    let file = directory.database(Domain::Orders);
    assert!(
        refused.to_string().contains(&file.display().to_string()),
        "{refused}"
    );
    assert!(!directory.path.exists());
}

#[tokio::test]
async fn a_domain_is_served_by_one() {
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
        .await
        .unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_there_becomes_private() {
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
        .await
        .unwrap();
    let later = directory.path.join("later");
    fs::write(&later, "").unwrap();
    paths.push(later);
    for path in paths {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} {mode:o}", path.display());
    }
}
