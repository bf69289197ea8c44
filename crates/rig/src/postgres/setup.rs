//! Finds PostgreSQL on this machine, makes a cluster, and says how its programs are run.
//!
//! Invariants: nothing of it runs as root: PostgreSQL refuses that; a missing program is an error with the line to type.
//! Does not know: what is done with the server.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::postgres::{POSTGRES_GUARDED_USER, POSTGRES_PASSWORD, POSTGRES_USER};

/// Where Debian and most others keep the server's programs, by version.
const VERSIONS: [&str; 3] = [
    "/usr/lib/postgresql",
    "/usr/pgsql",
    "/usr/local/lib/postgresql",
];
const REMEDY: &str = "no PostgreSQL server on this machine; type: apt-get install -y --no-install-recommends postgresql";

/// The programs, and the account that runs them.
#[derive(Debug)]
pub(super) struct Installation {
    programs: PathBuf,
    /// Set if this process is root's.
    account: Option<Account>,
}

#[derive(Debug)]
struct Account {
    user: u32,
    group: u32,
}

impl Installation {
    /// Looks for the newest version.
    pub(super) fn find() -> io::Result<Self> {
        let mut found: Vec<(u32, PathBuf)> = Vec::new();
        for versions in VERSIONS {
            for version in fs::read_dir(versions).into_iter().flatten().flatten() {
                let number = version
                    .file_name()
                    .to_str()
                    .and_then(|name| name.parse().ok());
                found.extend(number.map(|number| (number, version.path().join("bin"))));
            }
        }
        found.sort();
        let in_path = ["/usr/bin", "/usr/local/bin"].map(PathBuf::from);
        let mut places = found
            .into_iter()
            .rev()
            .map(|(_, place)| place)
            .chain(in_path);
        let programs =
            places.find(|place| place.join("postgres").is_file() && place.join("initdb").is_file());
        let programs = programs.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, REMEDY))?;
        // Whoever looks at itself there is the one it runs as.
        let is_root = fs::metadata("/proc/self")?.uid() == 0;
        let account = is_root.then(lesser_account).transpose()?;
        Ok(Self { programs, account })
    }

    /// Makes the files of an empty cluster in a new directory.
    pub(super) fn make_cluster(&self) -> io::Result<tempfile::TempDir> {
        let directory = tempfile::Builder::new().prefix("rig-postgres").tempdir()?;
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700))?;
        if let Some(account) = &self.account {
            chown(directory.path(), Some(account.user), Some(account.group))?;
        }
        let data = directory.path().join("data");
        let mut command = self.run("initdb");
        command.arg("--pgdata").arg(&data).args([
            "--username",
            POSTGRES_USER,
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
        ]);
        finish(&mut command)?;
        let rules = format!(
            "host all {POSTGRES_GUARDED_USER} 127.0.0.1/32 scram-sha-256\nhost all {POSTGRES_USER} 127.0.0.1/32 trust\n"
        );
        fs::write(data.join("pg_hba.conf"), rules)?;
        Ok(directory)
    }

    /// The server, as a command that stays in the foreground and logs to its standard error.
    pub(super) fn server(&self, data: &Path, port: u16) -> Command {
        let mut command = self.run("postgres");
        command.arg("-D").arg(data).args(["-p", &port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=on",
            "synchronous_commit=on",
            "shared_buffers=64MB",
            "max_connections=60",
            "logging_collector=off",
            "log_timezone=UTC",
            "timezone=UTC",
        ] {
            command.args(["-c", setting]);
        }
        command
    }

    /// Makes the database and the role with a password.
    pub(super) fn make_roles(&self, port: u16) -> io::Result<()> {
        let make = format!("CREATE DATABASE {POSTGRES_USER}");
        self.psql_in(port, "postgres", &make)?;
        let quoted = POSTGRES_PASSWORD.replace('\'', "''");
        let make = format!(
            "CREATE ROLE {POSTGRES_GUARDED_USER} LOGIN PASSWORD '{quoted}';
             GRANT CREATE ON DATABASE {POSTGRES_USER} TO {POSTGRES_GUARDED_USER}"
        );
        self.psql_in(port, "postgres", &make).map(drop)
    }

    /// Runs SQL in the database of the tests.
    pub(super) fn psql(&self, port: u16, sql: &str) -> io::Result<String> {
        self.psql_in(port, POSTGRES_USER, sql)
    }

    fn psql_in(&self, port: u16, database: &str, sql: &str) -> io::Result<String> {
        let mut command = self.run("psql");
        command.args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet"]);
        command.args(["--set=ON_ERROR_STOP=1", "--host=127.0.0.1"]);
        command.args([
            format!("--port={port}"),
            format!("--username={POSTGRES_USER}"),
            format!("--dbname={database}"),
            format!("--command={sql}"),
        ]);
        finish(&mut command)
    }

    /// One of the programs, as the lesser account, and ended if the thread that starts it ends.
    fn run(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        if let Some(account) = &self.account {
            command.args([
                format!("--reuid={}", account.user),
                format!("--regid={}", account.group),
            ]);
            command.arg("--clear-groups");
        }
        command.args(["--pdeathsig", "INT", "--"]);
        command.arg(self.programs.join(program));
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C");
        // A directory that the lesser account may stand in.
        command.current_dir("/");
        command
    }
}

fn finish(command: &mut Command) -> io::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr)
        .trim_end()
        .to_owned();
    Err(io::Error::other(said))
}

/// The account that Debian's package makes, else the one that owns nothing.
fn lesser_account() -> io::Result<Account> {
    let accounts = fs::read_to_string("/etc/passwd")?;
    let account = |name: &str| {
        let line = accounts
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let mut fields = line.split(':').skip(1);
        let (user, group) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Account { user, group })
    };
    let found = account("postgres").or_else(|| account("nobody"));
    found.ok_or_else(|| {
        io::Error::other("PostgreSQL must not run as root, and there is no account `postgres` or `nobody`; type: useradd --system postgres")
    })
}
