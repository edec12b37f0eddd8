use tokio::task::JoinHandle;

/// A task that ends when nobody waits for it any more.
#[derive(Debug)]
pub(super) struct Running(JoinHandle<()>);

impl Running {
    pub(super) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }

    pub(super) fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// Resolves once it has ended, by a panic too.
    pub(super) async fn ended(mut self) {
        if let Err(error) = (&mut self.0).await {
            tracing::error!(%error, "a task of the supervisor broke");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}
