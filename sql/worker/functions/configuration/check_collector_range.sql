create or replace function worker.check_collector_range(
  p_old worker.configuration,
  p_new worker.configuration,
  p_is_complete boolean
)
  returns void
  language plpgsql
as $$
declare
  v_identity worker.identity;
  v_old text := format('%s … %s', p_old.min_collector_id, p_old.max_collector_id);
  v_new text := format('%s … %s', p_new.min_collector_id, p_new.max_collector_id);
begin
  select i.* into v_identity from worker.identity as i;
  if not found then
    return;
  end if;
  if (p_new.min_collector_id > p_old.min_collector_id or p_new.max_collector_id < p_old.max_collector_id)
    and worker.has_collectors_outside(
      p_old.min_collector_id, p_old.max_collector_id, p_new.min_collector_id, p_new.max_collector_id
    ) then
    raise exception using errcode = 'ST042', message = 'collectors live outside of the range of collector IDs',
      detail = format('the database has %s, this process has %s', v_old, v_new),
      hint = 'Look at MIN_COLLECTOR_ID and MAX_COLLECTOR_ID: the range may become wider, not narrower.';
  end if;
  if v_old <> v_new then
    raise notice using message = 'the range of collector IDs changes', detail = format('from %s to %s', v_old, v_new);
  end if;
  if p_is_complete or v_identity.min_collector_id is not null then
    update worker.identity
    set min_collector_id = p_new.min_collector_id, max_collector_id = p_new.max_collector_id
    where (min_collector_id, max_collector_id) is distinct from (p_new.min_collector_id, p_new.max_collector_id);
  end if;
end
$$;

comment on function worker.check_collector_range is
  'Binds the range of collector IDs when the settings have both limits. A wider one is taken over; fails when '
  'collectors live where a new one does not reach. Called by worker.set_configuration.';
