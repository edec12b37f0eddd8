use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use std::sync::LazyLock;

/// Programs that look for holes and say so.
const AGENTS: [&str; 58] = [
    "sqlmap",
    "nikto",
    "nuclei",
    "nmap",
    "masscan",
    "zgrab",
    "wpscan",
    "acunetix",
    "netsparker",
    "invicti",
    "dirbuster",
    "gobuster",
    "ffuf",
    "fuzz faster u fool",
    "feroxbuster",
    "wfuzz",
    "thc-hydra",
    "(hydra)",
    "burpcollaborator",
    "burp suite",
    "openvas",
    "nessus",
    "arachni",
    "w3af",
    "skipfish",
    "havij",
    "jorgee",
    "zmeu",
    "commix",
    "xsser",
    "whatweb",
    "joomscan",
    "fimap",
    "morfeus",
    "paros",
    "appscan",
    "webinspect",
    "qualys",
    "dirb/",
    "dirsearch",
    "jaeles",
    "xspear",
    "dalfox",
    "tplmap",
    "nosqlmap",
    "sqlninja",
    "bsqlbf",
    "absinthe",
    "grendel-scan",
    "vega/",
    "owasp zap",
    "zaproxy",
    "detectify",
    "l9explore",
    "l9tcpid",
    "python-nmap",
    "cmsmap",
    "droopescan",
];

/// Addresses nobody asks a service for who has not come to break it.
const PATHS: [&str; 44] = [
    "/.env",
    "/.git/",
    "/.svn/",
    "/.hg/",
    "/.ds_store",
    "/.aws/",
    "/.ssh/",
    "/.htpasswd",
    "/.htaccess",
    "/.vscode/sftp",
    "/wp-config.php",
    "/xmlrpc.php",
    "/wp-content/plugins/",
    "/phpmyadmin",
    "/pma/index",
    "/adminer.php",
    "/phpinfo.php",
    "/server-status",
    "/server-info",
    "/actuator/env",
    "/actuator/heapdump",
    "/actuator/gateway",
    "/jolokia",
    "/solr/admin",
    "/vendor/phpunit/",
    "/hnap1",
    "/boaform",
    "/cgi-bin/",
    "/shell.php",
    "/c99.php",
    "/r57.php",
    "/web.config",
    "/id_rsa",
    "/etc/passwd",
    "/_ignition/execute",
    "/console/login/loginform",
    "/geoserver/web",
    "/owa/auth/",
    "/manager/html",
    "/invoker/jmx",
    "/telescope/requests",
    "/debug/pprof/cmdline",
    "/backup.sql",
    "/dump.sql",
];

fn build(words: &[&str]) -> AhoCorasick {
    #[expect(clippy::expect_used, reason = "the words are constants")]
    AhoCorasickBuilder::new().ascii_case_insensitive(true).build(words).expect("a few words always fit")
}

static AGENT: LazyLock<AhoCorasick> = LazyLock::new(|| build(&AGENTS));
static PATH: LazyLock<AhoCorasick> = LazyLock::new(|| build(&PATHS));

pub(super) fn prepare() {
    let _ = (AGENT.patterns_len(), PATH.patterns_len());
}

pub(super) fn agent(value: &[u8]) -> Option<&'static str> {
    AGENT.is_match(value).then_some("scanner-agent")
}

pub(super) fn path(value: &[u8]) -> Option<&'static str> {
    PATH.is_match(value).then_some("scanner-path")
}
