-- Test equipment of a database that property tests use: plays a history, records what the drain did, shows the outcome.
create schema property;

-- What arrived, in order.
create table property.arrival (
  arrival_id bigint primary key generated always as identity,
  step integer not null,
  lane integer not null,
  message jsonb not null
);

-- The calls of handlers, in order.
create table property.call (
  call_id bigint primary key generated always as identity,
  step integer not null,
  lane integer not null,
  messages jsonb[] not null
);

alter function worker.apply_messages(text, jsonb[]) rename to apply_messages_unwatched;

create function worker.apply_messages(p_type text, p_messages jsonb[])
  returns void
  language plpgsql
as $$
begin
  insert into property.call (step, lane, messages)
  values (current_setting('property.step')::integer, current_setting('property.lane')::integer, p_messages);
  perform worker.apply_messages_unwatched(p_type, p_messages);
end
$$;

-- Collectors that would take their next steps, but are held.
create table property.held (status worker.dispatching_key primary key);

alter function worker.advance_statuses(worker.dispatching_key[]) rename to advance_statuses_unheld;

create function worker.advance_statuses(p_statuses worker.dispatching_key[])
  returns integer
  language plpgsql
as $$
begin
  if current_setting('property.is_held')::boolean then
    insert into property.held (status) select unnest(p_statuses) on conflict do nothing;
    return 0;
  end if;
  return worker.advance_statuses_unheld(p_statuses);
end
$$;

create function property.take_steps()
  returns void
  language plpgsql
as $$
begin
  perform worker.advance_statuses_unheld(array[h.status]) from (select status from property.held order by status) as h;
  delete from property.held;
end
$$;

-- Request IDs that depend on nothing but the account (or attempt) and how often it took one: so a message can be
-- written down before its request is made, and the order of rows in a batch does not matter.
create table property.request (first_id bigint primary key, taken integer not null);

create function property.first_request_of_lock(p_creditor_id bigint, p_debtor_id bigint)
  returns bigint
  language sql
  immutable
return ((p_creditor_id & 255) * 1000 + p_debtor_id) * 100;

create function property.first_request_of_attempt(
  p_collector_id bigint, p_turn_id integer, p_debtor_id bigint, p_creditor_id bigint, p_is_dispatching boolean
)
  returns bigint
  language sql
  immutable
return 10000000000 + (
  ((((p_collector_id & 255) * 256 + (p_creditor_id & 255)) * 10 + p_turn_id) * 1000 + p_debtor_id) * 2
  + p_is_dispatching::integer
) * 100;

create function property.take_request(p_first_id bigint)
  returns bigint
  language sql
as $$
  insert into property.request as r (first_id, taken)
  values (p_first_id, 1)
  on conflict (first_id) do update set taken = r.taken + 1
  returning first_id + taken
$$;

create function property.number_lock()
  returns trigger
  language plpgsql
as $$
begin
  if current_setting('property.step')::integer >= 0 then
    new.coordinator_request_id := property.take_request(
      property.first_request_of_lock(new.creditor_id, new.debtor_id)
    );
  end if;
  return new;
end
$$;

create trigger number_new_lock before insert on worker.account_lock
for each row execute function property.number_lock();
create trigger number_overwritten_lock before update on worker.account_lock
for each row when (new.coordinator_request_id <> old.coordinator_request_id) execute function property.number_lock();

create function property.number_attempt()
  returns trigger
  language plpgsql
as $$
begin
  new.coordinator_request_id := property.take_request(property.first_request_of_attempt(
    new.collector_id, new.turn_id, new.debtor_id, new.creditor_id, new.is_dispatching
  ));
  return new;
end
$$;

create trigger number_tried_attempt before update on worker.transfer_attempt
for each row when (new.coordinator_request_id is distinct from old.coordinator_request_id)
execute function property.number_attempt();

create function property.insert_rows(p_table text, p_rows jsonb)
  returns void
  language plpgsql
as $$
declare
  v_columns text := (select string_agg(format('%I', k), ', ') from jsonb_object_keys(p_rows -> 0) as k);
begin
  execute format(
    'insert into worker.%1$I (%2$s) select %2$s from jsonb_populate_recordset(null::worker.%1$I, $1)', p_table, v_columns
  ) using p_rows;
end
$$;

create function property.put(p_lane integer, p_message jsonb)
  returns void
  language plpgsql
as $$
begin
  execute format('insert into pgmq.%I (vt, message) values (''-infinity'', $1)', 'q_inbox_' || p_lane) using p_message;
  insert into property.arrival (step, lane, message)
  values (current_setting('property.step')::integer, p_lane, p_message);
end
$$;

create function property.drain(p_lane integer, p_limit integer)
  returns integer
  language plpgsql
as $$
begin
  perform set_config('property.lane', p_lane::text, true);
  return (select d.taken from worker.drain_inbox(p_lane, p_limit, 0) as d);
end
$$;

-- Works every lane empty, up to p_limit messages at a time, and takes every step of collectors that is possible.
create function property.finish(p_limit integer)
  returns void
  language plpgsql
as $$
declare
  v_taken integer := 0;
begin
  for v_round in 1 .. 200 loop
    v_taken := 0;
    for v_lane in 0 .. 7 loop
      v_taken := v_taken + property.drain(v_lane, p_limit);
    end loop;
    if v_taken = 0 then
      select coalesce(sum(worker.advance_dispatching(lane, 100)), 0) into v_taken from generate_series(0, 7) as lane;
    end if;
    exit when v_taken = 0;
  end loop;
  if v_taken > 0 then
    raise exception 'messages without end';
  end if;
end
$$;

-- A drain of several messages of one lane, or of one.
create function property.deliver(p_messages jsonb)
  returns void
  language plpgsql
as $$
declare
  v_lane integer;
begin
  perform property.put((m.value ->> 'lane')::integer, m.value -> 'body')
  from jsonb_array_elements(p_messages) with ordinality as m
  order by m.ordinality;
  for v_lane in select distinct (m.value ->> 'lane')::integer from jsonb_array_elements(p_messages) as m order by 1 loop
    perform property.drain(v_lane, 10000);
  end loop;
end
$$;

-- Plays a history; returns the calls of handlers and the outcome. The caller rolls back.
create function property.play(p_steps jsonb)
  returns jsonb
  language plpgsql
as $$
declare
  v_step jsonb;
  v_number integer := 0;
begin
  perform set_config('property.step', '-1', true);
  perform set_config('property.is_held', 'false', true);
  for v_step in select s.value from jsonb_array_elements(p_steps) with ordinality as s order by s.ordinality loop
    if v_step ->> 'kind' <> 'rows' then
      perform set_config('property.step', v_number::text, true);
    end if;
    case v_step ->> 'kind'
      when 'rows' then perform property.insert_rows(v_step ->> 'table', v_step -> 'rows');
      when 'clock' then perform set_config('swpt.now', v_step ->> 'now', true);
      when 'deliver' then perform property.deliver(v_step -> 'messages');
      when 'hold' then
        perform set_config('property.is_held', v_step ->> 'is_held', true);
        perform property.take_steps();
      when 'publish' then update worker.configuration set local_delivery = false;
      when 'next phase' then
        update worker.worker_turn
        set
          phase = 3, worker_turn_subphase = 0, phase_deadline = null,
          collection_started_at = (v_step ->> 'started')::timestamptz
        where turn_id = (v_step ->> 'turn_id')::integer;
      when 'settle' then
        perform worker.settle_lane((v_step ->> 'turn_id')::integer, lane) from generate_series(0, 7) as lane;
      when 'advance' then perform worker.advance_dispatching(lane, 100) from generate_series(0, 7) as lane;
      when 'trigger' then perform worker.trigger_due_transfers(lane, 100) from generate_series(0, 7) as lane;
      when 'finish' then perform property.finish((v_step ->> 'limit')::integer);
    end case;
    v_number := v_number + 1;
  end loop;
  return jsonb_build_object(
    'outcome', property.outcome(),
    'arrivals', (
      select jsonb_agg(jsonb_build_array(a.step, a.lane, a.message) order by a.arrival_id) from property.arrival as a
    ),
    'calls', (
      select jsonb_agg(jsonb_build_array(c.step, c.lane, c.messages) order by c.call_id) from property.call as c
    )
  );
end
$$;
