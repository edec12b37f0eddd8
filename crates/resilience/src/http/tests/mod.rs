mod paced;
mod replay;
mod retry;
mod rules;
