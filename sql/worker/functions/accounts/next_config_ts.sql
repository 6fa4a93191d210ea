create or replace function worker.next_config_ts(p_known_ts timestamptz)
  returns timestamptz
  language sql
  stable
  parallel safe
as $$
  select case
    when p_known_ts >= worker.now()
      then least(p_known_ts, timestamptz '9999-12-31 23:59:59+00' - interval '1 ms') + interval '1 ms'
    else worker.now()
  end
$$;

comment on function worker.next_config_ts is
  'ts for a ConfigureAccount that an authority applies which knows that of p_known_ts (null: none): now, or a moment '
  'later than that one if our clock is behind. Called where accounts are configured.';
