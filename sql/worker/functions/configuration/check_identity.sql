create or replace function worker.check_identity(p_new worker.configuration)
  returns void
  language plpgsql
as $$
declare
  v_identity worker.identity;
  v_sealed_at timestamptz;
begin
  select i.* into v_identity from worker.identity as i;
  if not found then
    return;
  end if;
  if v_identity.lane_count <> p_new.lane_count then
    raise exception using errcode = 'ST041', message = 'the number of lanes was changed by hand',
      detail = format('the database was bound with %s lanes, and has %s', v_identity.lane_count, p_new.lane_count),
      hint = 'Set it back: messages wait in the lanes of the old number.';
  end if;
  select s.sealed_at into v_sealed_at from worker.shard_split as s where s.parent_key = v_identity.binding_key;

  if v_identity.binding_key <> p_new.binding_key then
    if not worker.is_child_key(v_identity.binding_key, p_new.binding_key) then
      raise exception using errcode = 'ST040', message = 'the database belongs to another shard',
        detail = format('the database is that of %s, this process has %s', v_identity.binding_key, p_new.binding_key),
        hint = 'Look at WORKER_POSTGRES_URL and PROTOCOL_BROKER_QUEUE_ROUTING_KEY. A shard is split by one bit at a '
          'time. If the database''s key is the wrong one, run `swpt-trade configure --rebind`.';
    end if;
    if not p_new.delete_parent_shard_records then
      raise exception using errcode = 'ST040', message = 'the database belongs to the parent of this shard',
        detail = format('the database is that of %s, this process has %s', v_identity.binding_key, p_new.binding_key),
        hint = 'Look at WORKER_POSTGRES_URL and PROTOCOL_BROKER_QUEUE_ROUTING_KEY. If it is a copy of the parent''s '
          'database, and the shard is being split, set DELETE_PARENT_SHARD_RECORDS=true.';
    end if;
    if v_sealed_at is null and exists (
      select from worker.shard_split as s where s.parent_key = v_identity.binding_key
    ) then
      raise exception using errcode = 'ST044', message = 'the copy was made before the parent stood still',
        detail = format('the shard %s is being split, and its copies do not have everything yet',
          v_identity.binding_key),
        hint = 'Let `swpt-trade split_shard --apply` say when the children may start. A standby that was promoted '
          'too early has to be made anew.';
    end if;
    perform worker.exclude_processes(v_identity.binding_key);
    update worker.identity set binding_key = p_new.binding_key, bound_at = worker.now();
    -- Parents are split when they stand still, and their copies have everything.
    delete from worker.life;
    raise notice using message = 'this database is the one of a child shard from now on',
      detail = format('it was that of %s, and is that of %s', v_identity.binding_key, p_new.binding_key);
  elsif v_sealed_at is not null then
    raise exception using errcode = 'ST044', message = 'the shard has been split',
      detail = format('since %s its halves work in copies of this database, or soon will',
        to_char(v_sealed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS" UTC"' collate "C")),
      hint = 'Start the children instead. As long as none of them was started, `swpt-trade configure --rebind` takes '
        'the split back.';
  end if;

  -- Until the connection ends: as long as there is such a process, the key can not change.
  perform pg_advisory_lock_shared(7305, hashtext(p_new.binding_key));
end
$$;

comment on function worker.check_identity is
  'Fails unless settings are those of the shard that this database is bound to. Settings of one of its halves, with '
  'delete_parent_shard_records, split it: a copy becomes the child. A database that is not bound takes all settings. '
  'Called by worker.set_configuration, which holds the configuration''s lock.';
