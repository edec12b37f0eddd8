mod against_model;
mod layer;
mod machine;
