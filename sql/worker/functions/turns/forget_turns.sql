create or replace function worker.forget_turns(p_turn_ids integer[])
  returns integer
  language plpgsql
as $$
declare
  v_forgotten integer[];
  v_hashes integer[];
  v_messages jsonb[];
begin
  perform worker.lock_turn_exclusive(w.turn_id)
  from (
    select turn_id from worker.worker_turn where turn_id = any(p_turn_ids) and phase < 3 order by turn_id
  ) as w;
  with deleted as (
    delete from worker.worker_turn where turn_id = any(p_turn_ids) and phase < 3 returning turn_id
  )
  select array_agg(d.turn_id) into v_forgotten from deleted as d;
  perform worker.clear_staging(f.turn_id, 2) from unnest(v_forgotten) as f (turn_id);

  -- No step 3/0 will ever free the accounts of these turns. Nothing was arranged for them, so they are all dismissed.
  select
    array_agg(l.key_hash order by l.creditor_id, l.debtor_id),
    array_agg(
      jsonb_build_object(
        'type', 'ReviseAccountLock',
        'creditor_id', l.creditor_id,
        'debtor_id', l.debtor_id,
        'turn_id', l.turn_id,
        'ts', worker.now()
      )
      order by l.creditor_id, l.debtor_id
    )
  into v_hashes, v_messages
  from worker.account_lock as l
  where l.turn_id = any(v_forgotten)
    and l.finalized_at is null
    and not l.has_been_revised
    and worker.in_realm(l.key_hash);
  perform worker.send_internal('ReviseAccountLock', v_hashes, v_messages);
  return coalesce(cardinality(v_forgotten), 0);
end
$$;

comment on function worker.forget_turns is
  'Deletes open turns that the solver does not know any more, and has their account locks dismissed; returns how many '
  'turns. Called by the worker''s turn loop.';
