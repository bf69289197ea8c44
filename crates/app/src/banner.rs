//! What a person reads when the server has started: where, which upstream, which database, and calls to paste.
//!
//! Invariants: the only secret it ever holds is a virtual key that was made at this start, shown this once, in development only.
//! Does not know: how anything was set up.

use std::fmt::Write;
use std::net::SocketAddr;

/// What the banner tells.
pub(crate) struct Banner<'a> {
    /// The program as it was called, so that its commands can be typed as they stand.
    pub(crate) program: &'a str,
    pub(crate) listen: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// Name and address of the upstream.
    pub(crate) upstream: (&'a str, &'a str),
    pub(crate) simulated: bool,
    pub(crate) database: &'a str,
    /// The virtual key made at this start.
    pub(crate) first_key: Option<&'a str>,
    /// A model to try.
    pub(crate) model: &'a str,
}

impl Banner<'_> {
    /// The text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String can't fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let base_url = format!("http://{}/v1", self.listen);
        let (name, address) = self.upstream;
        let program = self.program;
        writeln!(text, "keyward is listening.\n")?;
        writeln!(text, "  base_url   {base_url}")?;
        writeln!(text, "  metrics    http://{}/metrics", self.admin)?;
        writeln!(text, "  database   {}", self.database)?;
        if self.simulated {
            writeln!(
                text,
                "  upstream   the built-in simulator, because OPENAI_API_KEY is not set: answers are made up, prices are real"
            )?;
        } else {
            writeln!(text, "  upstream   {name} at {address}")?;
        }
        let key = if let Some(key) = self.first_key {
            writeln!(
                text,
                "\nYour first virtual key, shown this once (`{program} keys create --name NAME` makes more):\n\n  {key}\n"
            )?;
            key
        } else {
            writeln!(
                text,
                "\nWith one of your virtual keys in VIRTUAL_KEY (`{program} keys create --name NAME` makes one):\n"
            )?;
            "$VIRTUAL_KEY"
        };
        writeln!(text, "Try it:\n\n{}\n", self.curl(&base_url, key))?;
        writeln!(
            text,
            "or from Python (pip install openai):\n\n{}\n",
            self.python(&base_url, key)
        )?;
        writeln!(
            text,
            "What it cost: {program} usage --by model      Stop: Ctrl-C"
        )
    }

    fn curl(&self, base_url: &str, key: &str) -> String {
        let body = format!(
            r#"{{"model":"{}","messages":[{{"role":"user","content":"Say hello."}}]}}"#,
            self.model
        );
        format!(
            "  curl {base_url}/chat/completions -H \"Authorization: Bearer {key}\" -H 'Content-Type: application/json' -d '{body}'"
        )
    }

    fn python(&self, base_url: &str, key: &str) -> String {
        let call = format!(
            "print(client.chat.completions.create(model='{}', messages=[{{'role': 'user', 'content': 'Say hello.'}}]).choices[0].message.content)",
            self.model
        );
        format!(
            "  python3 -c \"from openai import OpenAI; client = OpenAI(base_url='{base_url}', api_key='{key}'); {call}\""
        )
    }
}
