create or replace function worker.queue_state(
  p_queue text,
  p_limit integer,
  out kind text,
  out message_type text,
  out messages bigint,
  out oldest_seconds double precision
)
  language plpgsql
  security definer
  stable
as $$
declare
  v_table record;
begin
  select t.* into v_table from worker.queue_tables() as t where t.queue collate "C" = p_queue;
  if not found then
    return;
  end if;
  execute format(
    'select count(*), greatest(coalesce(extract(epoch from worker.now() - min(w.moment)), 0), 0) '
    'from (select q.%I as moment from %I.%I as q order by q.%I limit $1) as w',
    v_table.moment_column, v_table.table_schema, v_table.table_name, v_table.id_column
  )
  into messages, oldest_seconds
  using p_limit;
  kind := v_table.kind;
  message_type := case when kind = 'outbox' then worker.message_type_of(p_queue) else '' end;
end
$$;

comment on function worker.queue_state is
  'How many messages wait in a queue of this shard, counted up to p_limit, and for how many seconds the oldest of '
  'these does; nulls if there is no such queue. For kind see queue_figures, which calls it, as the dashboard does.';
