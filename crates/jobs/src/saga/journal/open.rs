use super::Halt;
use crate::saga::plan::Plan;
use crate::saga::record::{SagaRow, SagaState, StepState};
use seaworthy_store::{Query, Rows, Tx};

/// Reads a saga, or makes it. What was over and was brought back since begins anew, or goes on where it stood.
pub(super) async fn open(
    tx: &mut Tx,
    id: i64,
    kind: &str,
    plan: &Plan,
    replays: i64,
) -> Result<SagaRow, Halt> {
    let mut saga = match read(tx, id).await? {
        Some(saga) => saga,
        None => made(tx, id, kind, plan, replays).await?,
    };
    // asked for when it was not known yet that the job is a saga
    let asked = Query::new("SELECT cancel_requested FROM jobs WHERE id = $1").bind(id);
    saga.cancel_requested |= tx.fetch_one(asked).await?.get::<i64>("cancel_requested")? == 1;
    if replays <= saga.replays {
        return Ok(saga);
    }
    if saga.state == SagaState::Compensated {
        // nothing of it is left: it is done anew, with keys that nobody has seen
        for query in ["DELETE FROM saga_steps WHERE saga_id = $1", "DELETE FROM sagas WHERE id = $1"] {
            tx.execute(Query::new(query).bind(id)).await?;
        }
        return made(tx, id, kind, plan, replays).await;
    }
    go_on(&mut saga, replays);
    let open: Vec<_> = saga.steps.iter().filter(|step| step.state != StepState::Done).cloned().collect();
    super::save_steps(tx, id, &open).await?;
    super::save_saga(tx, id, &saga).await?;
    Ok(saga)
}

async fn made(tx: &mut Tx, id: i64, kind: &str, plan: &Plan, replays: i64) -> Result<SagaRow, Halt> {
    insert(tx, id, kind, plan, replays).await?;
    read(tx, id).await?.ok_or(Halt::Failed(seaworthy_store::Error::NotFound.into()))
}

/// Somebody looked after it: everything may be tried again as often as before.
fn go_on(saga: &mut SagaRow, replays: i64) {
    saga.replays = replays;
    if saga.state == SagaState::Stuck {
        saga.state = if saga.backward { SagaState::Compensating } else { SagaState::Running };
    }
    if !saga.backward {
        saga.failed_step = None;
        saga.failure = None;
    }
    for step in &mut saga.steps {
        step.undo_attempts = 0;
        match step.state {
            StepState::Intended => step.attempts = 0,
            StepState::UndoFailed => {
                // what was never known to have been done is looked up again
                step.state = if step.output.is_some() { StepState::Undoing } else { StepState::Intended };
                step.instructions = None;
            }
            _ => {}
        }
    }
}

async fn read(tx: &mut Tx, id: i64) -> Result<Option<SagaRow>, Halt> {
    let saga = Query::new("SELECT * FROM sagas WHERE id = $1 {lock}").bind(id);
    let Some(saga) = tx.fetch_optional(saga).await? else { return Ok(None) };
    let steps = Query::new("SELECT * FROM saga_steps WHERE saga_id = $1 ORDER BY position").bind(id);
    Ok(Some(SagaRow::read(&saga, &tx.fetch_all(steps).await?)?))
}

/// Writes down a plan. The keys are made here, once: from the job, how often it was brought back, and the place.
pub(in crate::saga) async fn insert(
    tx: &mut Tx,
    id: i64,
    kind: &str,
    plan: &Plan,
    replays: i64,
) -> Result<(), crate::Error> {
    let now = tx.now();
    let created = Query::new("SELECT created_at FROM jobs WHERE id = $1").bind(id);
    let created: i64 = tx.fetch_one(created).await?.get("created_at")?;
    let query = Query::new(
        "INSERT INTO sagas (id, kind, state, replays, created_at) VALUES ($1, $2, 'running', $3, $4)",
    );
    tx.execute(query.bind(id).bind(kind).bind(replays).bind(now)).await?;
    let places = 0..i64::try_from(plan.steps.len()).unwrap_or(i64::MAX);
    let rows = Rows::new()
        .ints("position", places.clone())
        .texts("action", plan.steps.iter().map(|step| Some(step.action.clone())))
        .texts("input", plan.steps.iter().map(|step| Some(step.input.to_string())))
        .texts("key", places.map(|at| Some(format!("saga-{id}-{created:x}-{replays}-{at}"))));
    let query = "INSERT INTO saga_steps (saga_id, position, action, input, key, state, updated_at)
        SELECT $1, position, action, input, key, 'planned', $2 FROM {rows}";
    tx.execute(Query::new(query).bind(id).bind(now).rows(rows)).await?;
    Ok(())
}
