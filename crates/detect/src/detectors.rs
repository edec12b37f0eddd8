//! The detectors, one file each.

pub(crate) mod abod;
pub(crate) mod cblof;
pub(crate) mod ecod;
pub(crate) mod gmm;
pub(crate) mod hbos;
pub(crate) mod iforest;
pub(crate) mod inne;
pub(crate) mod kde;
pub(crate) mod knn;
pub(crate) mod loda;
pub(crate) mod lof;
pub(crate) mod mad;
pub(crate) mod mcd;
pub(crate) mod ocsvm;
pub(crate) mod pca;
