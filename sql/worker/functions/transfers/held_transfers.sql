create or replace function worker.held_transfers()
  returns table (
    collector_id bigint,
    turn_id integer,
    debtor_id bigint,
    creditor_id bigint,
    is_dispatching boolean,
    amount bigint,
    held_at timestamptz,
    held_until timestamptz,
    state text
  )
  language sql
  security definer
  stable
begin atomic
  select
    a.collector_id,
    a.turn_id,
    a.debtor_id,
    a.creditor_id,
    a.is_dispatching,
    coalesce(a.amount, worker.clamp64(trunc(a.nominal_amount)::numeric)),
    a.held_at,
    a.held_until,
    case
      when a.held_until >= worker.now() then 'waiting'
      when not d.is_answered then 'asking'
      when d.nothing_moved then 'settling'
      else 'yours'
    end
  from worker.transfer_attempt as a
  join worker.list_doubts(null) as d on d.collector_id = a.collector_id and d.debtor_id = a.debtor_id
  where a.held_at is not null
  order by a.turn_id, a.debtor_id, a.collector_id, a.creditor_id, a.is_dispatching;
end;

comment on function worker.held_transfers is
  'Payments of which nobody knows whether they were made, since the database stepped back. amount: tokens of the last '
  'try, or about what it will be. state: waiting (for the end of forgotten requests), asking (the authority), '
  'settling (nothing moved: about to be tried again), yours (something moved on the account that this database does '
  'not know of: an operator has to decide). Called by operators.';
