//! The three ways to the upstream that are compared: straight, through nginx, through keyward.
//!
//! Invariants: each proxy keeps connections alive on both sides and writes no access log; the key is in a file, not on a command line.
//! Does not know: how the load is measured.

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde_json::Value;

use super::running::{CORE_OF_PROXY, Running, free_port, pinned};
use crate::step::read;
use crate::tree::target;

/// One way to the upstream.
pub(crate) struct Leg {
    /// Its name in the report.
    pub(crate) name: String,
    /// Where the load connects.
    pub(crate) address: String,
    /// A file with further header lines.
    pub(crate) headers: Option<PathBuf>,
    proxy: Option<Running>,
}

impl Leg {
    /// Starts what the leg needs and waits until it answers.
    pub(crate) fn start(
        name: &str,
        upstream: &str,
        folder: &Path,
        profile: &str,
    ) -> anyhow::Result<Self> {
        let name = name.to_owned();
        match name.as_str() {
            "nginx" => nginx(name, upstream, folder),
            "keyward" => keyward(
                name,
                upstream,
                folder,
                &target().join(profile).join("keyward"),
            ),
            _ => Ok(Self {
                name,
                address: upstream.to_owned(),
                headers: None,
                proxy: None,
            }),
        }
    }

    /// The process whose CPU counts.
    pub(crate) fn process(&self) -> Option<u32> {
        self.proxy.as_ref().map(Running::id)
    }

    /// What to read when the leg failed.
    pub(crate) fn where_to_look(&self) -> String {
        self.proxy.as_ref().map_or_else(
            || "see the upstream's log".to_owned(),
            |proxy| format!("see {}", proxy.log().display()),
        )
    }
}

/// Debian puts it where an ordinary user's path does not look.
pub(crate) fn nginx_program() -> &'static str {
    if Path::new("/usr/sbin/nginx").exists() {
        "/usr/sbin/nginx"
    } else {
        "nginx"
    }
}

fn nginx(name: String, upstream: &str, folder: &Path) -> anyhow::Result<Leg> {
    let address = format!("127.0.0.1:{}", free_port()?);
    let folder = empty(&folder.join("nginx"))?;
    let settings = folder.join("nginx.conf");
    std::fs::write(&settings, nginx_settings(&address, upstream, &folder)?)?;
    let mut command = pinned(CORE_OF_PROXY, Path::new(nginx_program()));
    command
        .arg("-p")
        .arg(&folder)
        .arg("-e")
        .arg(folder.join("error.log"))
        .arg("-c")
        .arg(&settings);
    let mut proxy = Running::start("nginx", &mut command, &folder)?;
    proxy.until_answers(&address, "/v1/models")?;
    Ok(Leg {
        name,
        address,
        headers: None,
        proxy: Some(proxy),
    })
}

/// One worker, keep-alive on both sides, no buffering, no log: as little as a proxy can do.
fn nginx_settings(address: &str, upstream: &str, folder: &Path) -> anyhow::Result<String> {
    let folder = folder.to_str().context("the name of the folder")?;
    Ok(format!(
        "daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  tcp_nodelay on;
  keepalive_timeout 300s;
  keepalive_requests 1000000000;
  upstream canned {{
    server {upstream};
    keepalive 128;
    keepalive_requests 1000000000;
  }}
  server {{
    listen {address} backlog=1024;
    location / {{
      proxy_pass http://canned;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_buffering off;
    }}
  }}
}}
"
    ))
}

fn keyward(name: String, upstream: &str, folder: &Path, program: &Path) -> anyhow::Result<Leg> {
    let folder = empty(&folder.join("keyward"))?;
    let address = format!("127.0.0.1:{}", free_port()?);
    let admin = format!("127.0.0.1:{}", free_port()?);
    let mut create = Command::new(program);
    configure(&mut create, upstream, &folder)?;
    let key = read(create.args(["keys", "create", "--name", "bench", "--format", "json"]))?;
    let key: Value =
        serde_json::from_str(&key).context("read the answer of `keyward keys create`")?;
    let key = key
        .get("key")
        .and_then(Value::as_str)
        .context("`key` in the answer of `keyward keys create`")?;
    let headers = folder.join("headers.txt");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&headers)?;
    std::io::Write::write_all(
        &mut file,
        format!("authorization: Bearer {key}\n").as_bytes(),
    )?;
    let mut serve = pinned(CORE_OF_PROXY, program);
    configure(&mut serve, upstream, &folder)?;
    serve.args(["serve", "--listen", &address, "--admin-listen", &admin]);
    let mut proxy = Running::start("keyward", &mut serve, &folder)?;
    proxy.drain();
    proxy.until_answers(&address, "/readyz")?;
    Ok(Leg {
        name,
        address,
        headers: Some(headers),
        proxy: Some(proxy),
    })
}

/// The environment of a keyward that knows nothing of this machine.
fn configure(command: &mut Command, upstream: &str, folder: &Path) -> anyhow::Result<()> {
    let folder_name = folder.to_str().context("the name of the folder")?;
    command.env_clear().current_dir(folder);
    command.env("PATH", crate::step::variable("PATH").unwrap_or_default());
    command.env("ENVIRONMENT", "development");
    command.env("OPENAI_BASE_URL", format!("http://{upstream}/v1"));
    command.env(
        "OPENAI_API_KEY",
        ["sk", "-", "made-up-for-the-bench-", "0123456789abcdef"].concat(),
    );
    command.env(
        "DATABASE_URL",
        format!("sqlite:///{folder_name}/keyward.db"),
    );
    command.env("KEYWARD_LIMITS__REQUESTS_PER_MINUTE", "100000000");
    Ok(())
}

/// The folder, made anew.
fn empty(folder: &Path) -> anyhow::Result<PathBuf> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(folder)?;
    Ok(folder.to_path_buf())
}
