//! What keeps the tables going beside the workers; each service in a file of its own. Every worker process runs all of
//! them: rows that another is just looking at are skipped.

pub(crate) mod promote;
pub(crate) mod rescue;
pub(crate) mod retention;
