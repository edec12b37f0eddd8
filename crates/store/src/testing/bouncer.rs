use super::{Folder, Postgres, free_port, wait_for};
use std::process::{Child, Command, Stdio};

/// A pgBouncer in transaction mode in front of a server.
#[derive(Debug)]
pub struct PgBouncer {
    child: Child,
    port: u16,
    _folder: Folder,
}

impl PgBouncer {
    /// Starts one with so few connections to the server that statements of one client really move between them.
    pub fn start(server: &Postgres) -> Self {
        Self::start_with(server, "")
    }

    /// The same with more lines in its settings.
    pub fn start_with(server: &Postgres, more: &str) -> Self {
        let folder = Folder::new("pgbouncer");
        let port = free_port();
        let users = folder.path().join("users.txt");
        std::fs::write(&users, "\"postgres\" \"\"\n").expect("a file can be written");
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = transaction\n\
             default_pool_size = 3\nmax_client_conn = 200\nserver_reset_query =\n{more}\n",
            server.port(),
            users.display()
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).expect("a file can be written");
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if rustix::process::geteuid().is_root() {
            command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups"]);
        }
        command.args(["--", "/usr/sbin/pgbouncer", "-q"]).arg(&file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("pgbouncer is installed (cargo xtask setup)");
        wait_for(port, || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok(), "pgbouncer");
        Self { child, port, _folder: folder }
    }

    /// The address of a database behind it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
