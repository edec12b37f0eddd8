//! Every setting there is. The comments here are the reference's text.

use std::collections::BTreeMap;
use std::time::Duration;

use super::setting::{At, Policy, Size};

pub(crate) mod alerts;
pub(crate) mod answers;
pub(crate) mod defence;
pub(crate) mod identity;
pub(crate) mod jobs;
pub(crate) mod process;
pub(crate) mod telemetry;

pub(crate) use answers::{Cache, Cors, Fallback, SecurityHeaders};
pub(crate) use telemetry::{Access, History, LogsOtlp, MetricsOtlp, Stories, Telemetry, Traces};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

settings! {
    /// The whole file.
    struct File {
        /// The data plane as a whole.
        gateway: Gateway = Gateway::default(),
        /// Where client connections come from. Without any: `0.0.0.0:8080`, clear text.
        listener: Vec<Listener> = Vec::new(),
        /// The control listener: health, metrics, API.
        control: Control = Control::default(),
        /// Logs and traces.
        telemetry: Telemetry = Telemetry::default(),
        /// The services behind the gateway, by name.
        service: BTreeMap<String, Service> = BTreeMap::new(),
        /// Which request goes where. Without any, and with one service: everything goes to it.
        route: Vec<Route> = Vec::new(),
        /// Keys, people, API keys and the audit log.
        identity: identity::Identity = identity::Identity::default(),
        /// Roles beside the built-in ones, by name.
        role: BTreeMap<String, identity::Role> = BTreeMap::new(),
        /// The embedded certificate authority. Without it: none.
        authority: Option<identity::Authority> = None,
        /// Issuers whose tokens are believed, by name.
        issuer: BTreeMap<String, identity::Issuer> = BTreeMap::new(),
        /// Ways to log in at OpenID providers, by name.
        login: BTreeMap<String, identity::Login> = BTreeMap::new(),
        /// Where and how services are run that have a `command`.
        supervisor: process::Supervisor = process::Supervisor::default(),
        /// What is promised to callers, by name.
        objective: BTreeMap<String, alerts::Objective> = BTreeMap::new(),
        /// Rules of alerts, by name.
        alert: BTreeMap<String, alerts::Alert> = BTreeMap::new(),
        /// How alerts are looked for and told of.
        alerts: alerts::Alerts = alerts::Alerts::default(),
        /// Who can be told of alerts, by name.
        receiver: BTreeMap<String, alerts::Receiver> = BTreeMap::new(),
        /// Times at which nothing is told, by name.
        mute_time: BTreeMap<String, alerts::MuteTime> = BTreeMap::new(),
        /// Whom to go through until somebody acknowledges, by name.
        escalation: BTreeMap<String, alerts::Escalation> = BTreeMap::new(),
        /// Who is on call, by name.
        on_call: BTreeMap<String, alerts::OnCall> = BTreeMap::new(),
        /// Where state is kept.
        store: Option<jobs::Store> = None,
        /// How this process takes part in jobs.
        jobs: Option<jobs::Jobs> = None,
        /// Queues that this process takes jobs from, by name.
        queue: BTreeMap<String, jobs::Queue> = BTreeMap::new(),
        /// Programs that jobs may run, by name.
        command: BTreeMap<String, jobs::Command> = BTreeMap::new(),
        /// Schedules, by name.
        schedule: BTreeMap<String, jobs::Schedule> = BTreeMap::new(),
    }

    /// The data plane as a whole.
    struct Gateway {
        /// Cores to use, each with its own event loop. Without it: all.
        threads: Option<usize> = None,
        /// How long requests under way are waited for when stopping.
        drain_timeout: Duration = secs(30),
        /// How long an idle connection is kept open while stopping, for a last request.
        drain_idle: Duration = secs(2),
        /// Most bytes of cached responses, over all routes.
        cache_size: Size = Size(64 << 20),
        /// What the link in an error answer starts with. Without it: pages that the gateway serves itself.
        error_docs: Option<String> = None,
        /// Unix socket by which a successor takes the listening sockets over. Without it: no take-over.
        takeover: Option<String> = None,
    }

    /// One listening address.
    struct Listener {
        /// Address and port.
        address: At<String> = At { value: "0.0.0.0:8080".to_owned(), span: 0..0 },
        /// TLS. Without it: clear text, HTTP/1.1 and HTTP/2 by prior knowledge.
        tls: Option<ServerTls> = None,
        /// Whether HTTP/2 is offered.
        http2: bool = true,
        /// Networks whose `Forwarded` and `X-Forwarded-*` headers are believed.
        trusted_proxies: Vec<At<String>> = Vec::new(),
        /// Limits on what a client may cost.
        limits: Limits = Limits::default(),
    }

    /// Limits on what a client may cost.
    struct Limits {
        /// Most connections at once.
        connections: usize = 20_000,
        /// From the first byte of a request head to its last.
        header_timeout: Duration = secs(10),
        /// Longest silence inside a request body.
        body_timeout: Duration = secs(30),
        /// Longest time a client may leave bytes of an answer unread.
        write_timeout: Duration = secs(30),
        /// Longest idle time of a connection between two requests.
        idle_timeout: Duration = secs(75),
        /// Longest TLS handshake.
        handshake_timeout: Duration = secs(10),
        /// Longest silence of an upgraded connection (WebSocket), both directions together. Clients that send pings more
        /// often are never cut.
        tunnel_idle_timeout: Duration = secs(300),
        /// Longest request head.
        head_bytes: Size = Size(16 << 10),
        /// Most header lines.
        headers: usize = 100,
        /// Most concurrent streams of an HTTP/2 connection.
        streams: u32 = 100,
    }

    /// TLS towards clients. Certificates are read anew on every reload.
    struct ServerTls {
        /// Certificates; the one whose names cover the server name asked for is shown, else the first.
        certificates: Vec<Certificate> = Vec::new(),
        /// Whether clients must show a certificate.
        client_auth: ClientAuth = ClientAuth::None,
        /// PEM file of the authorities that client certificates must come from.
        client_ca: Option<String> = None,
        /// PEM file of revocation lists (CRL): client certificates on them are refused, and so are those of an authority
        /// without a list. Read anew on every reload; connections that are open stay.
        client_crl: Option<String> = None,
        /// Oldest TLS version.
        min_version: TlsVersion = TlsVersion::Tls12,
    }

    /// A certificate and its key.
    struct Certificate {
        /// PEM file with the chain, leaf first.
        chain: At<String> = At { value: String::new(), span: 0..0 },
        /// PEM file with the private key.
        key: At<String> = At { value: String::new(), span: 0..0 },
    }

    /// The control listener.
    struct Control {
        /// Address and port. What is said there is not encrypted: keep it local.
        listen: At<String> = At { value: "127.0.0.1:7700".to_owned(), span: 0..0 },
        /// Names by which it is reached, besides addresses and `localhost`: a request for another name is refused, so that
        /// no web page can talk to it by a name of its own.
        hosts: Vec<At<String>> = Vec::new(),
        /// Whether it takes orders (jobs, schedules, purging) where it listens beyond this machine. Callers are asked who
        /// they are, but their credentials are not encrypted: only behind something that ends TLS.
        remote_changes: bool = false,
        /// File with the token of this machine's operator, who may do everything. Made at the first start, for its owner
        /// alone; the command line finds it by its default name.
        token_file: String = "seaworthy.token".to_owned(),
        /// Permissions of callers without a credential, such as `metrics:read`. Health answers everybody.
        anonymous: Vec<At<String>> = Vec::new(),
    }

    /// A service behind the gateway. Policies not mentioned are as the preset has them; `false` switches one off.
    struct Service {
        /// Where it answers: URLs without a path. Requests are balanced over them. Either this or `command`.
        upstreams: Vec<At<String>> = Vec::new(),
        /// What is run, where Seaworthy runs it: a line for the shell, or a list without one. `{port}` is where a replica is
        /// to listen, on 127.0.0.1.
        command: Option<process::CommandLine> = None,
        /// With `command`: how many processes of it.
        replicas: u32 = 1,
        /// With `command`: where replicas listen: on a free port (`{port}`, `PORT`), on a socket passed to them
        /// (`LISTEN_FDS`, `{socket}`), or always on this port; then there can be one at a time.
        port: process::Port = process::Port::Free,
        /// With `command`: variables of the environment; `{port}` is replaced.
        environment: BTreeMap<String, String> = BTreeMap::new(),
        /// With `command`: variables taken over from this process's environment. Others are not.
        inherit_environment: Vec<String> = Vec::new(),
        /// With `command`: the folder it runs in. Without it: this file's.
        folder: Option<String> = None,
        /// With `command`: the user it runs as. Without it: this process's.
        user: Option<String> = None,
        /// With `command`: the group it runs as. Without it: the user's.
        group: Option<String> = None,
        /// With `command`: services that must be ready before it is started.
        depends_on: Vec<String> = Vec::new(),
        /// With `command`: what follows when a replica ends by itself.
        restart: process::Restart = process::Restart::Always,
        /// With `command`: how long a restart waits.
        backoff: process::Backoff = process::Backoff::default(),
        /// With `command`: from SIGTERM to SIGKILL.
        termination_grace: Duration = secs(30),
        /// With `command`: how long requests at a replica are waited for before SIGTERM.
        drain_timeout: Duration = secs(30),
        /// With `command`: what becomes of replicas when this process is killed.
        orphans: process::Orphans = process::Orphans::Keep,
        /// With `command`: what each replica may use.
        limits: process::ProcessLimits = process::ProcessLimits::default(),
        /// With `command`: whether a replica has started; until then the other two are not asked.
        startup: Option<process::Probe> = None,
        /// With `command`: whether a replica still works; one that does not is restarted.
        liveness: Option<process::Probe> = None,
        /// With `command`: whether a replica can take traffic. Without it: whether its port accepts connections.
        readiness: Option<process::Probe> = None,
        /// With `command`: how replicas are replaced.
        rollout: process::Rollout = process::Rollout::default(),
        /// With `command`: replicas by load, instead of `replicas`.
        autoscale: Option<process::Autoscale> = None,
        /// With `command`: how much of what replicas write is taken.
        output: process::Output = process::Output::default(),
        /// What policies start from.
        preset: Preset = Preset::Http,
        /// Which HTTP it speaks.
        protocol: Protocol = Protocol::Auto,
        /// TLS towards `https` upstreams.
        tls: Option<UpstreamTls> = None,
        /// A token that the gateway shows to it, in place of the client's `Authorization`. Without it: none.
        credentials: Option<identity::Credentials> = None,
        /// Whether gateway and service show each other certificates of the `[authority]`. With `command`: replicas find theirs in
        /// the files `SEAWORTHY_TLS_CERTIFICATE`, `SEAWORTHY_TLS_KEY`, `SEAWORTHY_TLS_ROOTS` and `SEAWORTHY_TLS_REVOCATIONS`, and
        /// read them anew when they change.
        mutual_tls: bool = false,
        /// Longest time for a connection, TLS included.
        connect_timeout: Duration = secs(2),
        /// Most connections to one upstream.
        connections: usize = 1_024,
        /// How long an unused connection is kept.
        idle_timeout: Duration = secs(60),
        /// Most unused connections kept, per upstream and core.
        idle_connections: usize = 64,
        /// Longest silence inside an answer's body.
        response_silence: Duration = secs(60),
        /// Whether the client's `Host` is passed on, instead of the upstream's own name.
        preserve_host: bool = true,
        /// Which forwarding headers are written.
        forwarding: Forwarding = Forwarding::XForwarded,
        /// Active health checks. Without it: none.
        health: Option<Health> = None,
        /// Ejection of upstreams that fail real requests. On where there are several.
        outlier: Policy<Outlier> = Policy::Inherit,
        /// Time limits.
        timeout: Policy<Timeout> = Policy::Inherit,
        /// Retries of requests that may be repeated.
        retry: Policy<Retry> = Policy::Inherit,
        /// What retries and hedges may add to the traffic.
        budget: Policy<Budget> = Policy::Inherit,
        /// A second request where the first is late.
        hedge: Policy<Hedge> = Policy::Inherit,
        /// Circuit breaker, one per upstream.
        breaker: Policy<Breaker> = Policy::Inherit,
        /// Bulkhead: requests at once, per upstream.
        bulkhead: Policy<Bulkhead> = Policy::Inherit,
        /// Rate of requests, per upstream.
        rate_limit: Policy<Rate> = Policy::Inherit,
        /// Adaptive concurrency: load that cannot be served in time is refused.
        shed: Policy<Shed> = Policy::Inherit,
    }

    /// TLS towards an upstream.
    struct UpstreamTls {
        /// PEM file of authorities. Without it: the system's.
        ca: Option<String> = None,
        /// The name expected in the certificate. Without it: the host of the URL.
        server_name: Option<String> = None,
        /// A client certificate to show.
        identity: Option<Certificate> = None,
    }

    /// Active health checks.
    struct Health {
        /// Path that must answer 2xx. Without it: a TCP connection is enough.
        path: Option<String> = None,
        /// Time between two checks.
        interval: Duration = secs(10),
        /// Longest time for one check.
        timeout: Duration = secs(2),
        /// Failures in a row that take an upstream out.
        unhealthy_after: u32 = 3,
        /// Successes in a row that bring it back.
        healthy_after: u32 = 1,
    }

    /// Ejection of upstreams that fail real requests.
    struct Outlier {
        /// Failed answers in a row.
        consecutive: u32 = 5,
        /// First ejection; the n-th in a row is n times as long.
        base: Duration = secs(30),
        /// Longest ejection.
        max: Duration = secs(300),
        /// Most upstreams ejected at once, in percent. One always may be, the last never.
        max_percent: f64 = 10.0,
    }

    /// Time limits, up to the head of the answer.
    struct Timeout {
        /// Over all attempts and the waiting between them; a preset's gives way to a longer `attempt`.
        total: Option<Duration> = None,
        /// For one attempt. The last one may use what is left of the total.
        attempt: Option<Duration> = None,
    }

    /// Retries: idempotent methods, or any with an `Idempotency-Key`; bodies up to 64 KiB; after 408, 429, 5xx or no answer.
    /// Other methods only where no connection came about.
    struct Retry {
        /// Attempts in all, the first included.
        attempts: Option<u32> = None,
        /// First wait.
        base: Option<Duration> = None,
        /// Growth of the wait.
        multiplier: Option<f64> = None,
        /// Longest wait.
        max: Option<Duration> = None,
        /// How waits are spread.
        jitter: Option<Jitter> = None,
        /// Longest `Retry-After` that is waited for.
        longest_retry_after: Option<Duration> = None,
    }

    /// What retries and hedges may add. Linkerd's model is a share of recent requests plus a minimum per second;
    /// Envoy's a share of requests under way plus a minimum.
    struct Budget {
        /// Which model.
        model: BudgetModel = BudgetModel::Ratio,
        /// The share, 0 to 1.
        ratio: f64 = 0.2,
        /// Model `ratio`: extra requests per second allowed however little traffic there is.
        min_per_second: u32 = 10,
        /// Model `ratio`: how long a request counts.
        ttl: Duration = secs(10),
        /// Model `active`: extra requests under way allowed however little traffic there is.
        min_concurrent: u32 = 3,
    }

    /// A second request where the first is late; the first answer wins.
    struct Hedge {
        /// How late.
        delay: Duration = millis(500),
    }

    /// Circuit breaker.
    struct Breaker {
        /// Failures in a row that open it. 0: not by a run.
        consecutive_failures: Option<u32> = None,
        /// Share of failures in the window that opens it.
        failure_ratio: Option<f64> = None,
        /// Share of slow calls in the window that opens it.
        slow_ratio: Option<f64> = None,
        /// What is slow.
        slow: Option<Duration> = None,
        /// Requests in the window below which a share says nothing.
        min_requests: u64 = 20,
        /// The window of both shares.
        window: Duration = secs(10),
        /// How long it stays open at first.
        open_for: Option<Duration> = None,
        /// Longest time it stays open.
        open_max: Option<Duration> = None,
        /// Probes at once while half open.
        probes: Option<u32> = None,
        /// Probes that must succeed to close it.
        successes: Option<u32> = None,
    }

    /// Requests at once.
    struct Bulkhead {
        /// Places.
        concurrent: usize = 1_024,
        /// Places to wait in.
        queued: usize = 128,
        /// Longest wait.
        wait: Duration = secs(1),
    }

    /// Requests per time.
    struct Rate {
        /// Requests …
        requests: u32 = 1_000,
        /// … in this time.
        per: Duration = secs(1),
        /// Requests at once after a quiet time. Without it: the same number.
        burst: Option<u32> = None,
    }

    /// Adaptive concurrency.
    struct Shed {
        /// Concurrency at the start.
        initial: usize = 64,
        /// Least concurrency.
        min: usize = 8,
        /// Most concurrency.
        max: usize = 2_048,
    }

    /// A rule that says which requests go where.
    struct Route {
        /// Path template: literal segments, `{name}` for one, `{*rest}` for the rest.
        path: At<String> = At { value: "/{*path}".to_owned(), span: 0..0 },
        /// Hosts: `shop.example` or `*.shop.example`. Without any: all.
        hosts: Vec<At<String>> = Vec::new(),
        /// Methods. Without any: all.
        methods: Vec<At<String>> = Vec::new(),
        /// Headers that must have these values.
        headers: BTreeMap<String, At<String>> = BTreeMap::new(),
        /// The service it leads to.
        service: Option<At<String>> = None,
        /// Several services with weights, instead of `service`.
        split: Vec<Split> = Vec::new(),
        /// The path sent upstream, with the template's parameters: `/v2/{rest}`.
        rewrite: Option<At<String>> = None,
        /// Who may use it: `"none"` for everybody, one way to show who one is, a list of which one will do, or a table. Must
        /// be said where there are issuers or log-ins.
        auth: Option<identity::Auth> = None,
        /// Networks that may use it. Without any: all but those in `deny`.
        allow: Vec<At<String>> = Vec::new(),
        /// Networks that may not.
        deny: Vec<At<String>> = Vec::new(),
        /// What is looked for in requests before they go on. Without it: nothing.
        defence: Option<defence::Defence> = None,
        /// Longest request body.
        body_bytes: Size = Size(10 << 20),
        /// Rate limits by caller; all must agree.
        rate_limit: Vec<RouteRate> = Vec::new(),
        /// Response cache by the rules of RFC 9111. Without it: none.
        cache: Option<Cache> = None,
        /// Cross-origin rules. Without it: the service's own business.
        cors: Option<Cors> = None,
        /// Security headers. `false`: none.
        security_headers: Policy<SecurityHeaders> = Policy::Inherit,
        /// What answers when the service cannot.
        fallback: Option<Fallback> = None,
    }

    /// One part of a split.
    struct Split {
        /// The service.
        service: At<String> = At { value: String::new(), span: 0..0 },
        /// Its share, relative to the others.
        weight: u32 = 1,
    }

    /// A rate limit by caller. Answers carry `RateLimit` headers; refused requests get 429 with `Retry-After`.
    struct RouteRate {
        /// What is counted by: `client`, `route`, `caller` (who was recognised by `auth`), `header:NAME` or `tenant:NAME` (with
        /// `auth` the caller's tenant).
        key: At<String> = At { value: "client".to_owned(), span: 0..0 },
        /// Requests …
        requests: u32 = 100,
        /// … in this time.
        per: Duration = secs(60),
        /// Requests at once after a quiet time. Without it: the same number.
        burst: Option<u32> = None,
        /// Most callers remembered at once.
        keys: usize = 100_000,
    }
}

choices! {
    /// Whether clients must show a certificate.
    enum ClientAuth {
        /// They are not asked.
        None = "none",
        /// They may; the upstream is told by `X-Client-Verify`.
        Optional = "optional",
        /// They must.
        Required = "required",
    }

    /// A TLS version.
    enum TlsVersion {
        /// 1.2 or newer.
        Tls12 = "1.2",
        /// 1.3.
        Tls13 = "1.3",
    }

    /// How logs are written.
    enum LogFormat {
        /// For people.
        Human = "human",
        /// For machines.
        Json = "json",
    }

    /// Whose traces are continued.
    enum TrustParent {
        /// Everybody's: right where only services of one's own can connect.
        Always = "always",
        /// Those of the listener's `trusted_proxies`.
        TrustedProxies = "trusted_proxies",
        /// Nobody's.
        Never = "never",
    }

    /// What a service's policies start from.
    enum Preset {
        /// For an HTTP service nothing is known about: 30 s in all, 10 s an attempt, 3 attempts.
        Http = "http",
        /// 5 s, 3 attempts.
        Default = "default",
        /// 30 s, 3 attempts.
        Database = "database",
        /// 60 s, 5 attempts.
        Api = "api",
        /// 5 s, 2 attempts.
        Cache = "cache",
        /// 10 s, 3 attempts.
        File = "file",
        /// 300 s, 2 attempts.
        Ml = "ml",
        /// No policy but those written here.
        None = "none",
    }

    /// Which HTTP a service speaks.
    enum Protocol {
        /// HTTP/1.1 in clear text; by ALPN over TLS.
        Auto = "auto",
        /// HTTP/1.1.
        Http1 = "http1",
        /// HTTP/2 (gRPC), by prior knowledge in clear text.
        Http2 = "http2",
    }

    /// Which forwarding headers are written.
    enum Forwarding {
        /// `X-Forwarded-For`, `-Proto`, `-Host`.
        XForwarded = "x-forwarded",
        /// `Forwarded` (RFC 7239).
        Rfc7239 = "rfc7239",
        /// Both.
        Both = "both",
        /// Neither.
        Off = "off",
    }

    /// How waits are spread.
    enum Jitter {
        /// Not.
        None = "none",
        /// Between zero and the wait.
        Full = "full",
        /// Between the base and three times the wait before.
        Decorrelated = "decorrelated",
    }

    /// A budget's model.
    enum BudgetModel {
        /// Share of recent requests.
        Ratio = "ratio",
        /// Share of requests under way.
        Active = "active",
    }
}
