create or replace function worker.queue_messages(p_queue text, p_after bigint, p_limit integer)
  returns table (message_id bigint, since timestamptz, message_type text, body jsonb)
  language plpgsql
  security definer
  stable
as $$
declare
  v_table record;
  v_about text[] := array[
    'type', 'creditor_id', 'debtor_id', 'turn_id', 'collector_id', 'coordinator_type', 'coordinator_id',
    'coordinator_request_id', 'transfer_id', 'update_id', 'is_dispatching', 'ts'
  ];
begin
  select t.* into v_table from worker.queue_tables() as t where t.queue collate "C" = p_queue;
  if not found then
    return;
  end if;
  for message_id, since, message_type, body in execute format(
    $query$
      select
        q.%1$I,
        q.%2$I,
        coalesce(b.body ->> 'type', $3),
        case
          when $6 then b.body
          else (select jsonb_object_agg(e.key, e.value) from jsonb_each(b.body) as e where e.key = any($7))
        end
      from %3$I.%4$I as q
      cross join lateral (select coalesce(to_jsonb(q) -> $4, to_jsonb(q) - $5) as body) as b
      where $1 is null or q.%1$I > $1
      order by q.%1$I
      limit $2
    $query$,
    v_table.id_column, v_table.moment_column, v_table.table_schema, v_table.table_name
  )
  using
    p_after,
    p_limit,
    case when v_table.kind = 'outbox' then worker.message_type_of(p_queue) else '' end,
    v_table.body_column,
    v_table.id_column,
    v_table.kind in ('set_aside', 'failed'),
    v_about
  loop
    return next;
  end loop;
end
$$;

comment on function worker.queue_messages is
  'Up to p_limit messages of a queue of this shard, those that were put in first (by ID) first, after p_after if that '
  'is not null: since when each waits, its type (empty: not known) and its body. Of messages that still go their way '
  'the body has only whom they are about, and when: what they say is not for operators. None, if there is no such '
  'queue. Takes no message, and waits for nobody. Called by the dashboard.';
