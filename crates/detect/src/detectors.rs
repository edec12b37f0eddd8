//! The detectors, one file each.

pub(crate) mod ecod;
pub(crate) mod hbos;
pub(crate) mod iforest;
pub(crate) mod knn;
pub(crate) mod lof;
pub(crate) mod mad;
pub(crate) mod pca;
