//! People, roles, keys and tokens of the store.

use seaworthy_identity::rbac;

use crate::config::file::File;
use crate::config::problem::Problems;
use crate::config::setting::At;

/// Roles beside the built-in ones; none where they cannot be.
pub(in crate::config) fn roles(file: &File, problems: &mut Problems) -> Vec<rbac::Role> {
    let patterns = |texts: &[At<String>], problems: &mut Problems| -> Vec<rbac::Pattern> {
        let pattern = |text: &At<String>| match text.value.parse() {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let suggestion = Some("write something like \"jobs:read\" or \"queues:*\"".to_owned());
                problems.suggest(text.span.clone(), format!("\"{}\": {error}", text.value), suggestion);
                None
            }
        };
        texts.iter().filter_map(pattern).collect()
    };
    let mut roles = Vec::new();
    for (name, written) in &file.role {
        let (permissions, except) =
            (patterns(&written.permissions, problems), patterns(&written.except, problems));
        roles.push(rbac::Role {
            name: name.clone(),
            inherits: written.inherits.clone(),
            permissions,
            except,
        });
    }
    if let Err(errors) = rbac::Policy::new(roles.clone()) {
        let place = file.role.values().next().map(|role| role.spans.of("")).unwrap_or_default();
        errors.0.iter().for_each(|error| problems.push(place.clone(), error.to_string()));
    }
    roles
}

/// How people, keys and tokens of the store are handled.
pub(in crate::config) fn settings(file: &File, problems: &mut Problems) -> seaworthy_identity::Settings {
    let written = &file.identity;
    let mut settings = seaworthy_identity::Settings { issuer: written.issuer.clone(), ..Default::default() };
    // what is wrong with them is told once, by the compiler of the whole
    settings.roles = roles(file, &mut Problems::new("", ""));
    settings.tokens.access = written.access_token;
    settings.tokens.refresh = written.refresh_token;
    settings.sessions.idle = written.session_idle;
    settings.sessions.absolute = written.session_absolute;
    settings.lockout.failures = written.lockout_failures;
    settings.lockout.window = written.lockout_window;
    settings.lockout.first = written.lockout_window;
    settings.audit.retention = written.audit_retention;
    settings.password.shortest = written.password_length as usize;
    settings.password.age = Some(written.password_age).filter(|age| !age.is_zero());
    settings.password.history = written.password_history;
    if !(8..=64).contains(&written.password_length) {
        problems.push(written.spans.of("password_length"), "must be from 8 to 64");
    }
    if written.lockout_failures == 0 {
        problems.push(written.spans.of("lockout_failures"), "0 would lock everybody out");
    }
    for (name, value) in [
        ("access_token", written.access_token),
        ("refresh_token", written.refresh_token),
        ("session_idle", written.session_idle),
        ("session_absolute", written.session_absolute),
        ("lockout_window", written.lockout_window),
        ("audit_retention", written.audit_retention),
    ] {
        if value.is_zero() {
            problems.push(written.spans.of(name), format!("`{name}` must be longer than zero"));
        }
    }
    settings
}
