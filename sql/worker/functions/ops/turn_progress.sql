create or replace function worker.turn_progress(p_turn_id integer)
  returns table (
    phase smallint,
    subphase smallint,
    is_lost boolean,
    lanes integer,
    finished_lanes bigint,
    ships_at timestamptz,
    collectors_at_work bigint,
    sellers_to_pay bigint,
    collectors_to_pay bigint,
    payments_to_make bigint,
    held_payments bigint
  )
  language sql
  security definer
  stable
begin atomic
  select
    w.phase,
    w.worker_turn_subphase,
    w.is_lost,
    c.lane_count,
    (
      select count(*) from worker.worker_turn_lane as l
      where l.turn_id = w.turn_id and l.phase = w.phase and l.subphase = 0
    ),
    case
      when w.phase = 2 and w.worker_turn_subphase = 5 then worker.shipping_starts_at(w.started_at, w.phase_deadline)
    end,
    (select count(*) from worker.dispatching_status as s where s.turn_id = w.turn_id),
    (select count(*) from worker.worker_collecting as k where k.turn_id = w.turn_id and not k.collected),
    (select count(*) from worker.worker_receiving as r where r.turn_id = w.turn_id and r.received_amount = 0),
    (select count(*) from worker.transfer_attempt as a where a.turn_id = w.turn_id and a.rescheduled_for is not null),
    (select count(*) from worker.transfer_attempt as a where a.turn_id = w.turn_id and a.held_at is not null)
  from worker.worker_turn as w
  cross join worker.configuration as c
  where w.turn_id = p_turn_id;
end;

comment on function worker.turn_progress is
  'How far this shard got with a turn: phase and sub-phase, of how many lanes the bulk step is done, when offers may '
  'be shipped, and of the movement of money: collectors that still have something to do, payments to them that did not '
  'come in yet, payments that wait to be made, and those in doubt. No row: it does not know the turn. Called by the '
  'dashboard.';
