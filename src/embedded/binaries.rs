//! Finds `initdb` and `postgres` on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::EmbeddedError;
use crate::config::search_path;

/// The oldest Postgres that the schema is tested with.
const MAJOR_MIN: u32 = 15;

/// `(root, how the folder of a version begins, where the binaries are below it)`:
/// Debian, Fedora and RHEL (PGDG), Homebrew on Apple and on Intel.
const VERSIONED: [(&str, &str, &str); 4] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
];

/// A folder that holds `initdb` and `postgres` of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) dir: PathBuf,
    pub(super) major: u32,
}

impl Binaries {
    /// The newest binaries, or those of the major version that made the existing data (`data_major`): a cluster can only be
    /// opened by its own major version.
    pub(super) fn find(
        given: Option<&Path>,
        data_major: Option<(u32, &Path)>,
    ) -> Result<Binaries, EmbeddedError> {
        let places = match given {
            Some(dir) => vec![dir.to_owned()],
            None => places(),
        };
        let mut found = places
            .iter()
            .filter_map(|dir| inspect(dir))
            .collect::<Vec<_>>();
        found.retain(|binaries| binaries.major >= MAJOR_MIN);
        // A stable sort: of two equal versions the one found first wins.
        found.sort_by_key(|binaries| std::cmp::Reverse(binaries.major));
        choose(found, data_major, given)
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

fn choose(
    found: Vec<Binaries>,
    data_major: Option<(u32, &Path)>,
    given: Option<&Path>,
) -> Result<Binaries, EmbeddedError> {
    let majors = found.iter().map(|binaries| binaries.major.to_string());
    let majors = majors.collect::<Vec<_>>().join(", ");
    let nothing = found.is_empty();
    let fits = |binaries: &Binaries| data_major.is_none_or(|(major, _)| binaries.major == major);
    match (found.into_iter().find(fits), data_major) {
        (Some(binaries), _) => Ok(binaries),
        (None, Some((data, dir))) if !nothing => Err(EmbeddedError::OtherMajor {
            dir: dir.to_owned(),
            data,
            found: majors,
        }),
        (None, _) => Err(EmbeddedError::NoBinaries {
            minimum: MAJOR_MIN,
            looked: given.map_or_else(
                || "/usr/lib/postgresql/*/bin, /usr/pgsql-*/bin, Homebrew's folders, PATH".into(),
                |dir| format!("PG_BIN_DIR {}", dir.display()),
            ),
        }),
    }
}

fn places() -> Vec<PathBuf> {
    let mut places = Vec::new();
    for (root, prefix, below) in VERSIONED {
        let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
        places.extend(
            entries
                .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
                .map(|entry| entry.path().join(below)),
        );
    }
    // `postgres` on the PATH is often a link out of the folder that `initdb` is in.
    places.extend(search_path().iter().filter_map(|dir| {
        let real = dir.join("postgres").canonicalize().ok()?;
        real.parent().map(Path::to_owned)
    }));
    places
}

/// `None` if either program is missing or does not print its version.
fn inspect(dir: &Path) -> Option<Binaries> {
    if !dir.join("initdb").is_file() {
        return None;
    }
    let output = Command::new(dir.join("postgres"))
        .arg("--version")
        .output()
        .ok()?;
    Some(Binaries {
        dir: dir.to_owned(),
        major: parse_major(&String::from_utf8_lossy(&output.stdout))?,
    })
}

/// Reads `postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)`, also `18beta1`.
fn parse_major(version: &str) -> Option<u32> {
    let number = version.split(' ').nth(2)?;
    let digits = number
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(number.len());
    number[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn binaries(major: u32) -> Binaries {
        Binaries {
            dir: format!("/pg/{major}").into(),
            major,
        }
    }

    #[test]
    fn the_version_line_is_read() {
        let debian = "postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n";
        assert_eq!(parse_major(debian), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 19beta2\n"), Some(19));
        assert_eq!(parse_major("bash: postgres: not found"), None);
    }

    #[test]
    fn data_is_opened_by_the_version_that_made_it() {
        let dir = Path::new("/data");
        let all = vec![binaries(18), binaries(15)];
        assert_eq!(choose(all.clone(), None, None).unwrap().major, 18);
        assert_eq!(
            choose(all.clone(), Some((15, dir)), None).unwrap().major,
            15
        );
        let error = choose(all, Some((16, dir)), None).unwrap_err().to_string();
        assert!(error.contains("made by Postgres 16, but here is only Postgres 18, 15"));
    }

    #[test]
    fn none_at_all_says_what_to_install() {
        let error = choose(Vec::new(), None, None).unwrap_err().to_string();
        assert!(error.contains("apt-get install postgresql"), "{error}");
        let given = Path::new("/nowhere");
        let error = Binaries::find(Some(given), None).unwrap_err().to_string();
        assert!(error.contains("PG_BIN_DIR /nowhere"), "{error}");
    }
}
