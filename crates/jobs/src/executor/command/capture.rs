use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::JoinHandle;

/// An output, read to its end, of which the beginning and the end are kept.
pub(super) struct Capture {
    kept: Arc<Mutex<Kept>>,
    reading: Option<JoinHandle<()>>,
}

struct Kept {
    half: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: usize,
}

impl Capture {
    pub(super) fn read(pipe: Option<impl AsyncRead + Unpin + Send + 'static>, most: usize) -> Self {
        let kept = Arc::new(Mutex::new(Kept::new(most)));
        let reading = pipe.map(|mut pipe| {
            let kept = Arc::clone(&kept);
            tokio::spawn(async move {
                let mut piece = vec![0; 8 << 10];
                while let Ok(read @ 1..) = pipe.read(&mut piece).await {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).keep(&piece[..read]);
                }
            })
        });
        Self { kept, reading }
    }

    pub(super) async fn finish(&mut self) {
        if let Some(reading) = &mut self.reading {
            let _ = reading.await;
        }
    }

    /// The text, and how many bytes of its middle are missing.
    pub(super) fn text(&self) -> (String, usize) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).text()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        if let Some(reading) = &self.reading {
            reading.abort();
        }
    }
}

impl Kept {
    const fn new(most: usize) -> Self {
        Self { half: most / 2, head: Vec::new(), tail: VecDeque::new(), dropped: 0 }
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = (self.half - self.head.len()).min(piece.len());
        let (first, rest) = piece.split_at(room);
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(self.half);
        self.tail.drain(..over);
        self.dropped += over;
    }

    fn text(&self) -> (String, usize) {
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        if self.dropped > 0 {
            text.push_str(&format!("\n… {} bytes …\n", self.dropped));
        }
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        text.push_str(&String::from_utf8_lossy(&tail));
        (text, self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keeps_both_ends_whatever_the_pieces(pieces in proptest::collection::vec("[a-z]{0,40}", 0..30), most in 2usize..100) {
            let mut kept = Kept::new(most);
            pieces.iter().for_each(|piece| kept.keep(piece.as_bytes()));
            let all = pieces.concat();
            let (text, dropped) = kept.text();
            if dropped == 0 {
                prop_assert_eq!(text, all);
            } else {
                prop_assert!(kept.head.len() + kept.tail.len() <= most);
                prop_assert_eq!(kept.head.len() + kept.tail.len() + dropped, all.len());
                prop_assert!(all.as_bytes().starts_with(&kept.head));
                let tail: Vec<u8> = kept.tail.iter().copied().collect();
                prop_assert!(all.as_bytes().ends_with(&tail));
            }
        }
    }
}
