//! Profiles: the files `~/.aws/credentials` and `~/.aws/config`.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

use object_store::aws::AwsCredential;

use super::environment::Environment;
use super::error::CredentialError;

const CREDENTIALS_FILE: &str = "AWS_SHARED_CREDENTIALS_FILE";
const CONFIG_FILE: &str = "AWS_CONFIG_FILE";

/// Ways to get credentials that profiles may name and that need more than a file or a call.
const UNSUPPORTED: [&str; 6] = [
    "credential_process",
    "credential_source",
    "login_session",
    "source_profile",
    "sso_session",
    "sso_start_url",
];

type Values = BTreeMap<String, String>;

/// The files, and which profile is read.
#[derive(Clone, Debug)]
pub(super) struct Profiles {
    files: [(&'static str, Option<PathBuf>, bool); 2],
    name: String,
    /// Whether a variable names it, so that it must exist.
    is_named: bool,
}

/// What a profile says.
#[derive(Debug)]
pub(super) enum Profile {
    Keys(AwsCredential),
    WebIdentity {
        role_arn: String,
        token_file: PathBuf,
        session_name: Option<String>,
    },
}

impl Profiles {
    pub(super) fn new(environment: &Environment) -> Self {
        let file = |variable: &'static str, name: &str| {
            let home = || environment.path("HOME").map(|home| home.join(name));
            let named = environment.path(variable);
            let is_named = named.is_some();
            (variable, named.or_else(home), is_named)
        };
        let name = environment.get("AWS_PROFILE");
        Self {
            files: [
                // Later files take precedence.
                file(CONFIG_FILE, ".aws/config"),
                file(CREDENTIALS_FILE, ".aws/credentials"),
            ],
            name: name.unwrap_or("default").to_owned(),
            is_named: name.is_some(),
        }
    }

    /// Reads the files. `None` if no profile is named, and the default one has no credentials.
    pub(super) fn read(&self) -> Result<Option<Profile>, CredentialError> {
        let mut values: Option<Values> = None;
        for &(variable, ref path, is_required) in &self.files {
            let Some(path) = path else { continue };
            let text = match std::fs::read_to_string(path) {
                Ok(text) => text,
                Err(error) if error.kind() == ErrorKind::NotFound && !is_required => continue,
                Err(error) => {
                    return Err(CredentialError::File {
                        variable,
                        path: path.clone(),
                        error,
                    });
                }
            };
            if let Some(section) = section(&text, &self.name, variable == CONFIG_FILE) {
                values.get_or_insert_default().extend(section);
            }
        }
        let problem = match values {
            None => "there is no such profile".to_owned(),
            Some(values) => match profile(values) {
                Ok(Some(profile)) => return Ok(Some(profile)),
                Ok(None) if !self.is_named => return Ok(None),
                Ok(None) => "it has no aws_access_key_id".to_owned(),
                Err(problem) => return Err(self.error(problem)),
            },
        };
        if self.is_named {
            return Err(self.error(problem));
        }
        Ok(None)
    }

    pub(super) fn error(&self, problem: impl Into<String>) -> CredentialError {
        CredentialError::Profile {
            profile: self.name.clone(),
            problem: problem.into(),
        }
    }
}

fn profile(mut values: Values) -> Result<Option<Profile>, String> {
    let id = values.remove("aws_access_key_id");
    let secret = values.remove("aws_secret_access_key");
    match (id, secret) {
        (Some(key_id), Some(secret_key)) => {
            return Ok(Some(Profile::Keys(AwsCredential {
                key_id,
                secret_key,
                token: values.remove("aws_session_token"),
            })));
        }
        (Some(_), None) => return Err("it has no aws_secret_access_key".to_owned()),
        (None, Some(_)) => return Err("it has no aws_access_key_id".to_owned()),
        (None, None) => {}
    }
    let token_file = values.remove("web_identity_token_file");
    match (values.remove("role_arn"), token_file) {
        (Some(role_arn), Some(token_file)) => {
            return Ok(Some(Profile::WebIdentity {
                role_arn,
                token_file: token_file.into(),
                session_name: values.remove("role_session_name"),
            }));
        }
        (None, Some(_)) => return Err("it has no role_arn".to_owned()),
        (_, None) => {}
    }
    match UNSUPPORTED.iter().find(|key| values.contains_key(**key)) {
        Some(key) => Err(format!(
            "it needs {key}, which is not supported: use keys, or web_identity_token_file and role_arn"
        )),
        None => Ok(None),
    }
}

/// The values of a profile in a file, whose sections are `[name]`, or in the configuration file `[profile name]`.
fn section(text: &str, name: &str, is_config: bool) -> Option<Values> {
    let mut values: Option<Values> = None;
    let mut is_in = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(header) = trimmed.strip_prefix('[') {
            let header = header.split(']').next().unwrap_or_default().trim();
            let found = match header.strip_prefix("profile") {
                Some(rest) if is_config && rest.starts_with([' ', '\t']) => rest.trim(),
                _ if is_config && header != "default" => "",
                _ => header,
            };
            is_in = found == name;
            if is_in {
                values.get_or_insert_default();
            }
            continue;
        }
        // Indented lines belong to the value above, such as the settings of a service.
        let is_nested = line.starts_with([' ', '\t']);
        if is_in
            && !is_nested
            && let Some((key, value)) = trimmed.split_once('=')
            && let Some(values) = &mut values
        {
            let value = value.trim();
            // A comment after the value.
            let end = value.find(" #").or_else(|| value.find(" ;"));
            let value = value[..end.unwrap_or(value.len())].trim_end();
            if !value.is_empty() {
                values.insert(key.trim().to_lowercase(), value.to_owned());
            }
        }
    }
    values
}
