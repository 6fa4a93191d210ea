create or replace function worker.set_configuration(p_settings jsonb)
  returns boolean
  language plpgsql
as $$
declare
  v_old worker.configuration;
  v_new worker.configuration;
begin
  -- The row is replaced: another call that waited for the old row would find none.
  lock table worker.configuration in share row exclusive mode;
  select c.* into strict v_old from worker.configuration as c;
  v_new := jsonb_populate_record(v_old, p_settings);
  if v_new.lane_count <> v_old.lane_count then
    raise exception using errcode = 'ST002', message = 'the number of lanes belongs to the database',
      hint = 'leave lane_count out of the settings';
  end if;
  perform worker.check_identity(v_new);
  if exists (select from worker.identity) then
    perform worker.notice_step_back();
  end if;
  perform worker.check_collector_range(v_old, v_new, p_settings ?& array['min_collector_id', 'max_collector_id']);
  if v_new is not distinct from v_old then
    return false;
  end if;
  delete from worker.configuration;
  insert into worker.configuration select v_new.*;
  return true;
end
$$;

comment on function worker.set_configuration is
  'Takes over the settings of the environment (column name to value; intervals as text). Returns whether '
  'something changed. Fails when the database is bound and the settings are those of another shard. '
  'Called by every daemon when it starts.';
