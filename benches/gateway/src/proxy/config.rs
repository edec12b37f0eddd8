//! The configurations. None writes an access log but Seaworthy's default, which is measured as it comes.

use super::Kind;
use std::net::SocketAddr;
use std::path::Path;

pub(super) struct Wiring<'a> {
    pub(super) address: SocketAddr,
    pub(super) control: SocketAddr,
    pub(super) upstream: SocketAddr,
    pub(super) dir: &'a Path,
}

/// A file's name and content.
pub(super) fn of(kind: Kind, wiring: &Wiring<'_>) -> (&'static str, String) {
    match kind {
        Kind::Nginx => ("nginx.conf", nginx(wiring)),
        Kind::Haproxy => ("haproxy.cfg", haproxy(wiring)),
        Kind::Envoy => ("envoy.yaml", envoy(wiring)),
        Kind::SeaworthyBare => ("seaworthy-bare.toml", seaworthy(wiring, "preset = \"none\"\n")),
        Kind::Seaworthy => ("seaworthy.toml", seaworthy(wiring, "")),
    }
}

fn nginx(Wiring { address, upstream, dir, .. }: &Wiring<'_>) -> String {
    let dir = dir.display();
    format!(
        "daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log stderr;
events {{ worker_connections 32768; }}
http {{
  access_log off; keepalive_timeout 600s; keepalive_requests 100000000;
  client_body_temp_path {dir}/n1; proxy_temp_path {dir}/n2; fastcgi_temp_path {dir}/n3;
  uwsgi_temp_path {dir}/n4; scgi_temp_path {dir}/n5;
  upstream bench {{
    server {upstream}; keepalive 64; keepalive_requests 100000000; keepalive_timeout 600s;
  }}
  server {{
    listen {address};
    location / {{
      proxy_pass http://bench; proxy_http_version 1.1; proxy_set_header Connection \"\";
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;
    }}
  }}
}}
"
    )
}

fn haproxy(Wiring { address, upstream, .. }: &Wiring<'_>) -> String {
    format!(
        "global
  nbthread 1
  maxconn 12000
  no strict-limits
defaults
  mode http
  timeout connect 2s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
  http-reuse always
  option forwardfor
frontend in
  bind {address}
  default_backend bench
backend bench
  server one {upstream} pool-max-conn 64
"
    )
}

fn envoy(Wiring { address, upstream, .. }: &Wiring<'_>) -> String {
    let ((host, port), (to_host, to_port)) =
        ((address.ip(), address.port()), (upstream.ip(), upstream.port()));
    format!(
        "static_resources:
  listeners:
  - address: {{ socket_address: {{ address: {host}, port_value: {port} }} }}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bench
          codec_type: HTTP1
          generate_request_id: false
          route_config:
            virtual_hosts:
            - name: bench
              domains: ['*']
              routes: [{{ match: {{ prefix: '/' }}, route: {{ cluster: bench }} }}]
          http_filters:
          - name: router
            typed_config: {{ '@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }}
  clusters:
  - name: bench
    type: STATIC
    load_assignment:
      cluster_name: bench
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {{ socket_address: {{ address: {to_host}, port_value: {to_port} }} }} }}
"
    )
}

fn seaworthy(Wiring { address, control, upstream, .. }: &Wiring<'_>, policies: &str) -> String {
    format!(
        "[[listener]]
address = \"{address}\"

[control]
listen = \"{control}\"

[service.bench]
upstreams = [\"http://{upstream}\"]
{policies}"
    )
}
