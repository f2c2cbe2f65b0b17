#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Durable ingest with Flask and SQLAlchemy behind waitress, answered after the commit.

  ingest_flask.py PORT DB      a session and a commit for each record
"""
import datetime, sys, time, uuid

from flask import Flask, jsonify, request
from sqlalchemy import Column, Float, Index, Integer, String, Text, create_engine, event
from sqlalchemy.orm import declarative_base, sessionmaker
from waitress import serve

port, path = int(sys.argv[1]), sys.argv[2]
app = Flask(__name__)
engine = create_engine(f'sqlite:///{path}', connect_args={'check_same_thread': False, 'timeout': 30})
Base = declarative_base()


@event.listens_for(engine, 'connect')
def on_connect(connection, _):
    connection.execute('PRAGMA journal_mode = WAL')
    connection.execute('PRAGMA synchronous = FULL')


class Defect(Base):
    __tablename__ = 'defect'
    seq = Column(Integer, primary_key=True)
    id = Column(String(36), nullable=False, unique=True)
    device_id = Column(String)
    defect_type = Column(String, nullable=False)
    detected_at = Column(Integer, nullable=False)
    confidence = Column(Float)
    status = Column(String, nullable=False, default='pending')
    created_at = Column(Integer, nullable=False)
    body = Column(Text, nullable=False)
    __table_args__ = (Index('defect_detected_at', 'detected_at'), Index('defect_device', 'device_id', 'detected_at'),
                      Index('defect_status', 'status', 'detected_at'))


Base.metadata.create_all(engine)
Session = sessionmaker(bind=engine)


@app.post('/api/device/detections')
def detections():
    message = request.get_json()
    if not message or 'defect_type' not in message:
        return jsonify(error='defect_type is missing'), 400
    at = datetime.datetime.fromisoformat(message['timestamp'])
    with Session() as session:
        row = Defect(id=str(uuid.uuid4()), device_id=request.headers.get('x-device-id'), defect_type=message['defect_type'],
                     detected_at=int(at.timestamp() * 1e6), confidence=message.get('confidence'),
                     created_at=time.time_ns() // 1000, body=request.get_data(as_text=True))
        session.add(row)
        session.commit()
        return jsonify(ok=True, id=row.id, seq=row.seq, stored=True, duplicate=False)


serve(app, host='127.0.0.1', port=port, threads=8)
