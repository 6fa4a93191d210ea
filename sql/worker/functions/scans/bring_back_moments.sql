create or replace function worker.bring_back_moments(
  p_table name,
  p_columns name[],
  p_first tid,
  p_end tid,
  p_lanes integer[],
  p_limit integer
)
  returns void
  language plpgsql
as $$
declare
  v_last_lane integer := (select c.lane_count - 1 from worker.configuration as c);
  v_column name;
begin
  foreach v_column in array p_columns loop
    execute format(
      'update worker.%1$I set %2$I = $1 where ctid = any(array('
      'select r.ctid from worker.%1$I as r where r.ctid >= $2 and r.ctid < $3 and r.%2$I > $4'
      ' and (r.key_hash & $5) = any($6) limit $7 for update of r skip locked))',
      p_table,
      v_column
    )
    using worker.now(), p_first, p_end, worker.latest_credible_moment(), v_last_lane, p_lanes, p_limit;
  end loop;
end
$$;

comment on function worker.bring_back_moments is
  'Sets moments of the past that are said to lie in the future to now: a clock ran ahead, and until then such rows '
  'would not grow old. Rows from p_first to before p_end, in lanes the caller has locked. Called by scans.';
