-- The inbox holds messages of other shards only when its database was copied to split a shard: the bridge and
-- worker.send_internal check the realm before they insert.
create or replace function worker.drop_foreign_messages(
  p_lane integer,
  p_limit integer,
  p_floor bigint,
  out busy boolean,
  out dropped integer,
  out last_id bigint
)
  language plpgsql
as $$
declare
  v_config worker.configuration;
begin
  dropped := 0;
  busy := not worker.try_lock_lane(p_lane);
  select * into v_config from worker.configuration;
  if busy or v_config.realm_mask = 0 then
    return;
  end if;
  execute format(
    $query$
      with batch as materialized (
        select q.msg_id, worker.sharding_hash(q.message) as key_hash
        from pgmq.%1$I as q
        where q.msg_id > $1
        order by q.msg_id
        limit $2
      ),
      foreign_message as (
        delete from pgmq.%1$I as q
        using batch as b
        where q.msg_id = b.msg_id and (b.key_hash & $3) <> $4
        returning q.msg_id, q.message, $7 and (b.key_hash & $5) = $6 as is_copy
      ),
      refused as (
        insert into worker.set_aside (queue, message_type, body, sqlstate, error, failures, set_aside_at)
        select $8, f.message ->> 'type', f.message, 'ST004', $9, 1, worker.now()
        from foreign_message as f
        where not f.is_copy
        order by f.msg_id
      )
      select (select count(*) from foreign_message), (select max(msg_id) from batch)
    $query$,
    'q_inbox_' || p_lane
  )
  into dropped, last_id
  using
    p_floor, p_limit, v_config.realm_mask, v_config.realm, v_config.parent_realm_mask, v_config.parent_realm,
    v_config.delete_parent_shard_records, 'inbox_' || p_lane,
    format('the sharding key is outside the realm %s', v_config.binding_key);
end
$$;

comment on function worker.drop_foreign_messages is
  'Removes those of the next p_limit messages of a lane after p_floor whose key is outside the realm: while '
  'delete_parent_shard_records is on, those of the parent realm are deleted, because the other half of the split '
  'shard has its own copy; all others are set aside with ST004. Returns how many were removed, and the last ID '
  'looked at (null: no more). Called by the drain before it applies anything.';
