use crate::settings::Service;

/// What a rollout may do beyond the wanted number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// So many more, those that are ending included.
    pub surge: u32,
    /// So many of them not ready.
    pub unavailable: u32,
}

impl Bounds {
    /// What a service's settings come to for `replicas`. Where shares round both to nothing, one may be unavailable, as in
    /// Kubernetes. Where two can never run side by side, the old one ends first.
    pub fn of(service: &Service, replicas: u32) -> Self {
        if service.is_exclusive() {
            return Self { surge: 0, unavailable: 1 };
        }
        let surge = service.rollout.max_surge.up(replicas);
        let unavailable = service.rollout.max_unavailable.down(replicas);
        Self { surge, unavailable: if surge == 0 { unavailable.max(1) } else { unavailable } }
    }
}

/// How a replica stands, as far as this decision goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It takes traffic.
    Ready,
    /// It does not: not yet, not now, or not any more.
    Unready,
    /// It was told to end and has not yet.
    Leaving,
}

/// One replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<Id> {
    /// Which.
    pub id: Id,
    /// Whether it runs what is wanted.
    pub current: bool,
    /// How it stands.
    pub standing: Standing,
}

/// What there is and what is wanted.
#[derive(Debug, Clone, Copy)]
pub struct View<'a, Id> {
    /// How many are wanted.
    pub replicas: u32,
    /// What a rollout may do.
    pub bounds: Bounds,
    /// What there is, the oldest first.
    pub members: &'a [Member<Id>],
}

/// What is done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<Id> {
    /// Start one that runs what is wanted.
    Start,
    /// End this one.
    Stop(Id),
}

/// The steps that can be taken now. To be asked again whenever something has changed.
pub fn plan<Id: Copy>(view: &View<'_, Id>) -> Vec<Step<Id>> {
    let mut steps = Vec::new();
    let alive = view.members.len();
    let staying: Vec<_> = view.members.iter().filter(|member| member.standing != Standing::Leaving).collect();
    let (new, old): (Vec<_>, Vec<_>) = staying.iter().copied().partition(|member| member.current);
    let replicas = view.replicas as usize;

    // too many of what is wanted: it was scaled down
    let surplus: Vec<_> =
        in_order_of_loss(&new).into_iter().take(new.len().saturating_sub(replicas)).collect();
    steps.extend(surplus.iter().map(|member| Step::Stop(member.id)));

    // too few: as many as there is room for
    let room = (replicas + view.bounds.surge as usize).saturating_sub(alive);
    steps.extend(std::iter::repeat_n(Step::Start, replicas.saturating_sub(new.len()).min(room)));

    let new_left = new.len() - surplus.len();
    let ready_left = count_ready(&staying) - count_ready(&surplus);
    let unready_new = new_left - (count_ready(&new) - count_ready(&surplus));
    let must_be_ready = replicas.saturating_sub(view.bounds.unavailable as usize);
    steps
        .extend(replaced(&old, new_left, ready_left, unready_new, must_be_ready).into_iter().map(Step::Stop));
    steps
}

/// Old ones that can be ended: first those that are not ready, as long as what comes could still make up for them; then
/// ready ones, as long as enough others are.
fn replaced<Id: Copy>(
    old: &[&Member<Id>],
    new: usize,
    ready: usize,
    unready_new: usize,
    must_be_ready: usize,
) -> Vec<Id> {
    let (ready_old, unready_old): (Vec<&Member<Id>>, Vec<&Member<Id>>) =
        old.iter().copied().partition(|member| member.standing == Standing::Ready);
    let spare = (new + old.len()).saturating_sub(must_be_ready + unready_new);
    let unready = unready_old.into_iter().take(spare);
    let ready = ready_old.into_iter().take(ready.saturating_sub(must_be_ready));
    unready.chain(ready).map(|member| member.id).collect()
}

/// Which of them are missed least: those not ready first, among equals the youngest.
fn in_order_of_loss<'a, Id>(members: &[&'a Member<Id>]) -> Vec<&'a Member<Id>> {
    let mut order: Vec<&Member<Id>> = members.iter().copied().rev().collect();
    order.sort_by_key(|member| member.standing == Standing::Ready);
    order
}

fn count_ready<Id>(members: &[&Member<Id>]) -> usize {
    members.iter().filter(|member| member.standing == Standing::Ready).count()
}
